/** Shorter ones would mask half of what is said. */
const LEAST_LENGTH = 4;
const MASK = "***";

/** Replaces each of `values`, and each line of one that has several, wherever it stands in a text. */
export function maskFor(values: readonly string[]): (text: string) => string {
  const parts = values.flatMap((value) => value.split(/\r?\n/)).map((part) => part.trim());
  // The longest first: one may be part of another.
  const hidden = [...new Set(parts)].filter((part) => part.length >= LEAST_LENGTH).sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((masked, part) => masked.replaceAll(part, MASK), text);
}
