import { compareBytes } from "../lib/bytes.ts";

/** A copy whose keys are in the order of their bytes. */
export function sortedRecord<T, U = T>(
  record: Readonly<Record<string, T>> | undefined,
  map: (value: T) => U = (value) => value as unknown as U,
): Record<string, U> | undefined {
  if (record === undefined) return undefined;
  const entries = Object.entries(record).sort(([a], [b]) => compareBytes(a, b));
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value)]));
}
