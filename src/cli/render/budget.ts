import { relative } from "node:path";
import { formatMeasure, type Overrun } from "../../budget/compare.ts";
import { formatGrowth } from "../../lib/bytes.ts";
import type { BudgetStatus } from "../../pipeline/budget-status.ts";
import { bold, cyan, gray, green, line, red, type Shown } from "../terminal.ts";

const TITLES: readonly (readonly [Overrun["what"], string])[] = [
  ["imageBytes", "image"],
  ["usedBytes", "files"],
  ["inodes", "inodes"],
  ["commandLineBytes", "command line"],
];

/** How large a plugin is, what its budget allows, what was recorded, and what has grown since. */
export function budgetLines(status: BudgetStatus, isRecorded: boolean): Shown[] {
  const { name, size, baseline, growth, file } = status;
  const head = line`${bold`${name}`}${isRecorded ? gray` recorded in ${relative("", file)}` : ""}`;
  if (size === undefined) {
    return [
      line`${head} was not built with this cache, or its build has failed`,
      line`  ${cyan`hint`} fledge build ${name}`,
    ];
  }
  return [
    head,
    ...TITLES.flatMap(([what, title]) => rowOf(status, what, title)),
    ...(baseline === undefined ? [gray`  no baseline is recorded: fledge budget ${name} --record`] : []),
    ...growth.map(({ origin, bytes }) => line`    ${formatGrowth(bytes).padStart(11)}  ${origin}`),
  ];
}

function rowOf({ size, budgets, baseline, overruns }: BudgetStatus, what: Overrun["what"], title: string): Shown[] {
  const now = size?.[what];
  if (now === undefined) return [];
  const most = budgets[what];
  const before = baseline?.[what];
  const isOver = overruns.some((overrun) => overrun.what === what);
  const growth = overruns.find((overrun) => overrun.what === what && overrun.isGrowth);
  const limit = most === undefined ? line`` : line` of ${formatMeasure(what, most)}`;
  const since = before === undefined ? line`` : gray`, recorded ${formatMeasure(what, before)}`;
  const grown = growth === undefined ? line`` : line`, may grow to ${formatMeasure(what, growth.most)}`;
  const mark = isOver ? red`✖` : most === undefined ? line` ` : green`✔`;
  return [line`  ${mark} ${title.padEnd(12)}  ${formatMeasure(what, now)}${limit}${since}${grown}`];
}
