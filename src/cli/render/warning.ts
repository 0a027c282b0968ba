import type { Warning } from "../../lib/context.ts";
import { cyan, line, type Shown, yellow } from "../terminal.ts";

/** A warning, and what to do about it. */
export function warningLines({ message, hint }: Warning): Shown[] {
  const head = line`${yellow`warning`} ${message}`;
  return hint === undefined ? [head] : [head, line`  ${cyan`hint`} ${hint}`];
}
