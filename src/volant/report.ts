import type { Warning } from "../lib/context.ts";

/** Where a value of the manifest comes from, for people: "workload.entrypoint" from "the image's Cmd". */
export type Note = { readonly key: string; readonly origin: string };

/** What rendering has to say besides the manifest. */
export type Report = { readonly warnings: Warning[]; readonly notes: Note[] };

/** The first candidate that has a value, with a note of its origin; candidates go from the strongest to the weakest. */
export function choose<T>(
  report: Report,
  key: string,
  candidates: readonly (readonly [value: T | undefined, origin: string])[],
): T | undefined {
  for (const [value, origin] of candidates) {
    if (value === undefined) continue;
    report.notes.push({ key, origin });
    return value;
  }
  return undefined;
}
