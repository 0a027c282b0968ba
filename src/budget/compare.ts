import type { BuildSize } from "../contract/result.ts";
import { compareBytes, formatGrowth, formatSize } from "../lib/bytes.ts";
import type { ResolvedBudgets } from "./options.ts";

/** A size that is more than it may be. */
export type Overrun = {
  readonly what: "imageBytes" | "usedBytes" | "inodes" | "commandLineBytes";
  readonly actual: number;
  readonly most: number;
  /** Whether it is `growth` that allows no more, not a size of the budget's own. */
  readonly isGrowth: boolean;
};

/** How much more, or less, is from one origin than before. Bytes. */
export type Growth = { readonly origin: string; readonly bytes: number };

const SIZES = ["imageBytes", "usedBytes", "inodes", "commandLineBytes"] as const;
/** Those that grow with every name and letter are left to budgets of their own. */
const GROWING = ["imageBytes", "usedBytes"] as const;

/** What is over its budget; without a baseline nothing has grown. */
export function overrunsOf(size: BuildSize, budgets: ResolvedBudgets, baseline?: BuildSize): Overrun[] {
  const { growth } = budgets;
  return [
    ...SIZES.flatMap((what) => overrun(what, size[what], budgets[what], false)),
    ...(growth === undefined || baseline === undefined
      ? []
      : GROWING.flatMap((what) => overrun(what, size[what], Math.floor(baseline[what] * (1 + growth)), true))),
  ];
}

function overrun(what: Overrun["what"], actual: number | undefined, most: number | undefined, isGrowth: boolean) {
  return actual === undefined || most === undefined || actual <= most ? [] : [{ what, actual, most, isGrowth }];
}

/** What has become larger or smaller, by origin, the largest change first. */
export function growthBetween(before: BuildSize, after: BuildSize): Growth[] {
  const names = new Set([...Object.keys(before.origins), ...Object.keys(after.origins)]);
  return [...names]
    .map((origin) => ({ origin, bytes: (after.origins[origin] ?? 0) - (before.origins[origin] ?? 0) }))
    .filter(({ bytes }) => bytes !== 0)
    .sort((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes) || compareBytes(a.origin, b.origin));
}

const NAMES: Readonly<Record<Overrun["what"], string>> = {
  imageBytes: "the image",
  usedBytes: "what its files take",
  inodes: "the number of inodes",
  commandLineBytes: "the manifest on the kernel command line",
};

/** A size of what is measured, for people. */
export function formatMeasure(what: Overrun["what"], value: number): string {
  if (what === "inodes") return String(value);
  return what === "commandLineBytes" ? `${value} bytes` : formatSize(value);
}

/** One sentence for people. */
export function overrunText({ what, actual, most, isGrowth }: Overrun): string {
  const shown = (value: number): string => formatMeasure(what, value);
  const limit = isGrowth ? "the recorded baseline and budgets.growth allow" : `budgets.${what} allows`;
  const same = shown(actual) === shown(most) ? ` (${actual} of ${most} bytes)` : "";
  return `${NAMES[what]} is ${shown(actual)}, and ${limit} ${shown(most)}${same}`;
}

const SHOWN = 5;

/** What grew by origin, in one line; undefined where nothing did. */
export function growthText(since: string, before: BuildSize, after: BuildSize): string | undefined {
  const rows = growthBetween(before, after);
  if (rows.length === 0) return undefined;
  const shown = rows.slice(0, SHOWN).map(({ origin, bytes }) => `${formatGrowth(bytes)} ${origin}`);
  const more = rows.length > SHOWN ? `, and ${rows.length - SHOWN} more` : "";
  return `since ${since} ${formatGrowth(after.usedBytes - before.usedBytes)}: ${shown.join(", ")}${more}`;
}
