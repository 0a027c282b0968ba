import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { colors } from "consola/utils";
import type { BuildAllResult, BuildFailure } from "../../build.ts";
import { formatSize } from "../../lib/bytes.ts";
import { isFledgeError } from "../../lib/errors.ts";
import type { BuildResult } from "../../pipeline/result.ts";
import { renderError } from "./error.ts";
import { duration } from "./plain.ts";

/** What went wrong, each under its plugin's name; an interrupt is said once. */
export function renderFailures({ failures }: BuildAllResult, options: { json: boolean; verbose: boolean }): string {
  const interrupted = failures.find(isInterrupted);
  const errors = failures.filter((failure) => !isInterrupted(failure));
  return [
    ...errors.map(({ name, error }) => renderError(error, { ...options, plugin: name })),
    ...(interrupted === undefined ? [] : [renderError(interrupted.error, options)]),
  ].join("");
}

/** A line per plugin: what was made of it, how large, how long it took, and how many warnings there were. */
export function renderSummary(names: readonly string[], { results, failures }: BuildAllResult): string {
  const rows = names.map((name) => {
    const result = results.find((candidate) => candidate.name === name);
    const failure = failures.find((candidate) => candidate.name === name);
    return result === undefined ? failedRow(name, failure) : builtRow(result);
  });
  const count = failures.length === 0 ? `${results.length} built` : `${results.length} built, ${failures.length} not`;
  const header = ["plugin", "artifact", "size", "time", "warnings"].map((title) => colors.gray(title));
  return `\n${table([header, ...rows])}\n${count}\n`;
}

function builtRow({ name, artifact, durationMs, warnings }: BuildResult): string[] {
  const path = relative("", artifact.path);
  return [`${colors.green("✔")} ${name}`, path, formatSize(artifact.sizeBytes), duration(durationMs), tally(warnings)];
}

function failedRow(name: string, failure: BuildFailure | undefined): string[] {
  const what = failure !== undefined && isInterrupted(failure) ? "interrupted" : "failed";
  const { durationMs = 0, warnings = [] } = failure ?? {};
  return [`${colors.red("✖")} ${name}`, colors.red(what), "", duration(durationMs), tally(warnings)];
}

function tally(warnings: readonly unknown[]): string {
  return warnings.length === 0 ? "" : colors.yellow(String(warnings.length));
}

function isInterrupted({ error }: BuildFailure): boolean {
  return isFledgeError(error) && error.code === "aborted";
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => widthOf(row[column])))) ?? [];
  return rows
    .map((row) => row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell))).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

function widthOf(cell = ""): number {
  return stripVTControlCharacters(cell).length;
}
