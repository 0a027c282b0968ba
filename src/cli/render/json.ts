import type { Renderer } from "./renderer.ts";

/** One event per line on stdout. */
export function jsonRenderer(): Renderer {
  return { onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`), end: () => {} };
}
