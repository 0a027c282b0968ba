import { gzipSync } from "node:zlib";
import type { Warning } from "../lib/context.ts";
import type { Problem } from "../lib/errors.ts";
import { carriedJson } from "./carried.ts";
import type { Manifest } from "./schema.ts";

/** From here on fledge warns. */
const BUDGET_WARN_BYTES = 1500;
/** Beyond this fledge refuses: with about 200 bytes of other arguments the guest would cut the line at 2048. */
export const BUDGET_LIMIT_BYTES = 1800;

export type KeySize = { readonly key: string; readonly bytes: number };

export type CommandLineBudget = {
  /** What the manifest takes on the kernel command line. */
  readonly encodedBytes: number;
  /** What each part would free if it were gone; largest first. */
  readonly largest: readonly KeySize[];
  readonly verdict: "ok" | "tight" | "over";
};

/**
 * Measures the manifest as it will travel on the kernel command line: the compact JSON that Volant makes of it
 * (`carriedJson`), gzip, base64url without padding.
 *
 * Go's compress/gzip at its default level (6) is imitated by zlib at level 6 plus the 5 bytes of the empty stored
 * block with which Go ends every stream. The matchers differ: Node's zlib (Chromium's) and Go look for matches of
 * 4 bytes, classic zlib and GNU gzip of 3, which moves the size by up to 3 % either way, most with random text.
 */
export function commandLineBudget(manifest: Manifest): CommandLineBudget {
  const encodedBytes = encodedSize(manifest);
  const largest = parts(manifest)
    .map(({ key, without }) => ({ key, bytes: encodedBytes - encodedSize(without) }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 5);
  const verdict = encodedBytes > BUDGET_LIMIT_BYTES ? "over" : encodedBytes >= BUDGET_WARN_BYTES ? "tight" : "ok";
  return { encodedBytes, largest, verdict };
}

/** The budget's verdict as a problem or a warning that names the largest keys, if it is not "ok". */
export function budgetFinding(budget: CommandLineBudget): { problem?: Problem; warning?: Warning } {
  const size = `the manifest takes ${budget.encodedBytes} bytes of the kernel command line`;
  const hint = `largest: ${budget.largest
    .slice(0, 3)
    .map(({ key, bytes }) => `${key} (${bytes} bytes)`)
    .join(", ")}`;
  switch (budget.verdict) {
    case "ok":
      return {};
    case "tight":
      return { warning: { message: `${size}; beyond ${BUDGET_LIMIT_BYTES} it does not fit`, hint } };
    case "over":
      return { problem: { message: `${size}, and only ${BUDGET_LIMIT_BYTES} fit: the guest cuts the rest`, hint } };
  }
}

const GO_FINAL_BLOCK_BYTES = 5;

function encodedSize(manifest: Manifest): number {
  const gzipped = gzipSync(carriedJson(manifest), { level: 6 }).length + GO_FINAL_BLOCK_BYTES;
  return Math.ceil((gzipped * 4) / 3);
}

const REQUIRED = new Set(["schema_version", "name", "version", "runtime", "resources"]);
const SPLIT = new Set(["workload", "cloud_init"]);

/** Each key that the author has a say in, with the manifest as it would be without it. */
function parts(manifest: Manifest): { key: string; without: Manifest }[] {
  return Object.entries(manifest).flatMap(([key, value]) => {
    if (REQUIRED.has(key)) return [];
    if (!SPLIT.has(key) || typeof value !== "object") return [{ key, without: omit(manifest, key) }];
    return Object.keys(value).map((inner) => {
      return { key: `${key}.${inner}`, without: { ...manifest, [key]: omit(value, inner) } };
    });
  });
}

function omit<T extends object>(object: T, key: string): T {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key)) as T;
}
