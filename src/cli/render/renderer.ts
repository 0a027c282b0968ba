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
  return process.stderr.isTTY && !options.quiet ? liveRenderer(plain, options) : plain;
}
