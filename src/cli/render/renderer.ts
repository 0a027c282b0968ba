import type { EventSink } from "../../pipeline/events.ts";
import { jsonRenderer } from "./json.ts";
import { liveRenderer } from "./live.ts";
import { plainRenderer } from "./plain.ts";

export type Renderer = { readonly onEvent: EventSink; end(): void };

export type RenderOptions = {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  /** With more than one, each line says whose it is. */
  readonly plugins: readonly string[];
};

/** Live lines on a terminal, plain ones elsewhere, an event per line with `json`. */
export function createRenderer(options: RenderOptions): Renderer {
  if (options.json) return jsonRenderer();
  const plain = plainRenderer(options);
  return isLive() && !options.quiet ? liveRenderer(plain, options) : plain;
}

/** Whether lines may be redrawn: on a terminal that can, and that a person looks at who has not asked for plain text. */
function isLive({ TERM, CI, NO_COLOR } = process.env): boolean {
  const isSet = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0";
  return process.stderr.isTTY && TERM !== "dumb" && !isSet(CI) && !isSet(NO_COLOR);
}
