import { relative } from "node:path";
import type { BuildAllResult, BuildFailure } from "../../build.ts";
import type { BuildResult } from "../../contract/result.ts";
import { formatSize } from "../../lib/bytes.ts";
import { isFledgeError } from "../../lib/errors.ts";
import { gray, green, line, red, type Shown, shown, yellow } from "../terminal.ts";
import { reportError } from "./error.ts";
import { duration, factLine } from "./plain.ts";

/** Says what went wrong, each under its plugin's name; an interrupt, which stops many builds, is said once. */
export function reportFailures({ failures }: BuildAllResult, options: { json: boolean; verbose: boolean }): void {
  const interrupted = failures.find(isInterrupted);
  for (const { name, error } of failures.filter((failure) => !isInterrupted(failure))) {
    reportError(error, { ...options, plugin: name });
  }
  if (interrupted !== undefined) reportError(interrupted.error, options);
}

/** A line per plugin: what was made of it, how large, how long it took, and how many warnings there were. */
export function summaryLines(names: readonly string[], { results, failures }: BuildAllResult): Shown[] {
  const rows = names.map((name) => {
    const result = results.find((candidate) => (candidate.label ?? candidate.name) === name);
    const failure = failures.find((candidate) => candidate.name === name);
    return result === undefined ? failedRow(name, failure) : builtRow(result);
  });
  const unchanged = results.filter(({ isUnchanged }) => isUnchanged).length;
  const count = [
    `${results.length - unchanged} built`,
    ...(unchanged > 0 ? [`${unchanged} unchanged`] : []),
    ...(failures.length > 0 ? [`${failures.length} not`] : []),
  ].join(", ");
  const header = ["plugin", "artifact", "size", "time", "warnings"].map((title) => gray`${title}`);
  const facts = results.flatMap(({ name, label = name, facts }) =>
    Object.entries(facts).map(([fact, value]) => line`${label}:${factLine(fact, value)}`),
  );
  return [line``, ...table([header, ...rows]), ...facts, line`${count}`];
}

function builtRow({ name, label = name, artifact, isUnchanged, durationMs, warnings }: BuildResult): Shown[] {
  const path = shown(relative("", artifact.path)).oneLine;
  const size = shown(formatSize(artifact.sizeBytes));
  return [
    line`${green`✔`} ${label}`,
    path,
    size,
    isUnchanged ? gray`unchanged` : duration(durationMs),
    tally(warnings),
  ];
}

function failedRow(name: string, failure: BuildFailure | undefined): Shown[] {
  const what = failure !== undefined && isInterrupted(failure) ? "interrupted" : "failed";
  const { durationMs = 0, warnings = [] } = failure ?? {};
  return [line`${red`✖`} ${name}`, red`${what}`, line``, duration(durationMs), tally(warnings)];
}

function tally(warnings: readonly unknown[]): Shown {
  return warnings.length === 0 ? line`` : yellow`${warnings.length}`;
}

function isInterrupted({ error }: BuildFailure): boolean {
  return isFledgeError(error) && error.code === "aborted";
}

function table(rows: readonly (readonly Shown[])[]): Shown[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.width ?? 0))) ?? [];
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => cell.width > 0);
    const cells = row.slice(0, last + 1);
    return cells.reduce((text, cell, column) => {
      const padded = column === last ? cell : cell.padEnd(widths[column] ?? 0);
      return column === 0 ? padded : line`${text}  ${padded}`;
    }, line``);
  });
}
