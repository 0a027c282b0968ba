import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/** By its name, what a ratio was at which commit, the oldest first. */
type History = Record<string, { commit: string; ratio: number }[]>;

const FILE = new URL("history.json", import.meta.url);
const KEPT = 10;

const history = JSON.parse(readFileSync(FILE, "utf8")) as History;
const taken = new Map<string, number>();

/**
 * A ratio to something else that ran beside it, as text, with the one that was recorded last: unlike times, ratios of
 * different days and machines can be compared. Less is better.
 */
export function ratio(name: string, value: number): string {
  taken.set(name, value);
  const last = history[name]?.at(-1);
  return value.toFixed(2) + (last === undefined ? "" : ` (${last.ratio.toFixed(2)} at ${last.commit})`);
}

/** Keeps the ratios of this run. */
export function record(): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  for (const [name, value] of taken) {
    const others = (history[name] ?? []).filter((one) => one.commit !== commit);
    history[name] = [...others, { commit, ratio: Number(value.toFixed(3)) }].slice(-KEPT);
  }
  const sorted = Object.entries(history).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, ratios]) => `  ${JSON.stringify(name)}: ${JSON.stringify(ratios)}`);
  writeFileSync(FILE, `{\n${lines.join(",\n")}\n}\n`);
}
