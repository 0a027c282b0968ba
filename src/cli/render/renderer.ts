import { printJson } from "../terminal.ts";
import { liveRenderer } from "./live.ts";
import { plainRenderer, type Renderer, type RenderOptions } from "./plain.ts";

/** Live lines on a terminal, plain ones elsewhere, an event per line on stdout with `json`. */
export function createRenderer(options: RenderOptions): Renderer {
  if (options.json) return { onEvent: printJson, end: () => {} };
  const plain = plainRenderer(options);
  return isLive() && !options.quiet ? liveRenderer(plain, options) : plain;
}

/** Whether lines may be redrawn: on a terminal that can, and that a person looks at who has not asked for plain text. */
function isLive({ TERM, CI, NO_COLOR } = process.env): boolean {
  const isSet = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0";
  return process.stderr.isTTY && TERM !== "dumb" && !isSet(CI) && !isSet(NO_COLOR);
}
