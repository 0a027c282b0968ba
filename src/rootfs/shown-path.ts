import { fromByteString } from "../lib/bytes.ts";
import type { SealedEntry } from "./seal.ts";

/** A path as errors and warnings show it, put together when one does: of each name it would be as long as the tree is deep. */
export type ShownPath = { toString(): string };

export function shownPath(entry: Pick<SealedEntry, "path">): ShownPath {
  return { toString: () => `/${fromByteString(entry.path)}` };
}

/** How many of those that a warning is about are named. */
const NAMED = 5;

/** The first few of those that a warning is about, and how many there are more. */
export function firstOf(names: readonly ShownPath[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return `${names.slice(0, NAMED).join(", ")}${more}`;
}
