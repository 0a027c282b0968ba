import { printJson } from "../terminal.ts";
import type { Renderer } from "./renderer.ts";

/** One event per line on stdout. */
export function jsonRenderer(): Renderer {
  return { onEvent: (event) => printJson(event), end: () => {} };
}
