import type { Warning } from "../lib/context.ts";

/** How many of a kind are named. */
const NAMED = 5;

/**
 * What there is to say of a layer's entries, summed up by kind: one warning for each, with the first few by name. A layer of
 * a million odd entries must not become a million warnings.
 */
export class Notes {
  readonly #kinds = new Map<string, { count: number; readonly named: string[] }>();

  /** `kind` is one of a handful of sentences, `what` the entry that it is about. */
  add(kind: string, what: string): void {
    const seen = this.#kinds.get(kind) ?? { count: 0, named: [] };
    this.#kinds.set(kind, seen);
    seen.count++;
    if (seen.named.length < NAMED) seen.named.push(what);
  }

  /** Hands on what was noted, and forgets it. */
  report(label: string, warn: ((warning: Warning) => void) | undefined): void {
    for (const [kind, { count, named }] of this.#kinds) {
      const more = count > named.length ? ` and ${count - named.length} more` : "";
      warn?.({ message: `${label}: ${kind}: ${named.join(", ")}${more}` });
    }
    this.#kinds.clear();
  }
}
