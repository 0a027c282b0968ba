export type Run = { readonly times: number; readonly random: (below: number) => number; readonly tally: Tally };

/** Counts what happened, and collects what should not have. */
export class Tally {
  readonly #name: string;
  readonly #counts = new Map<string, number>();
  readonly findings: string[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  /** Notes a finding unless the two are the same. */
  expect(what: string, actual: unknown, expected: unknown): void {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (is === should) return;
    this.findings.push(`${what}: ${is} instead of ${should}`);
    process.stderr.write(`${this.#name}: ${this.findings.at(-1)}\n`);
  }

  report(): void {
    const counts = [...this.#counts].map(([what, count]) => `${count} ${what}`).join(", ");
    process.stdout.write(`${this.#name}: ${counts}; ${this.findings.length} findings\n`);
  }
}
