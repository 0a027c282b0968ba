import { relative } from "node:path";
import type { LockEntry } from "../../contract/lock.ts";
import type { InputStatus, LockStatus } from "../../lock/status.ts";
import type { LockChange, LockReport } from "../../lock/update.ts";
import { bold, cyan, gray, green, line, red, type Shown, yellow } from "../terminal.ts";

/** What became of a lock, or would: a line for each entry that is new, different or gone, and what it does not hold. */
export function reportLines(report: LockReport, isDryRun = false): Shown[] {
  const { file, changes, kept } = report;
  const would = isDryRun ? " (nothing is written)" : "";
  return [
    line`${bold`${relative("", file)}`}: ${tally(changes, kept)}${would}`,
    ...changes.map(changeLine),
    ...limitLines(report),
  ];
}

/** What of a lock is something else by now. */
export function outdatedLines({ file, changes, kept, warnings }: LockReport): Shown[] {
  if (kept.length === 0 && changes.length > 0 && changes.every(({ from }) => from === undefined)) {
    return [line`there is no ${bold`${relative("", file)}`}`, line`  ${cyan`hint`} fledge lock writes it`];
  }
  if (changes.length + kept.length === 0) return [line`${bold`${relative("", file)}`}: ${tally(changes, kept)}`];
  if (changes.length === 0) return [line`${bold`${relative("", file)}`}: all ${kept.length} entries are up to date`];
  return [
    line`${bold`${relative("", file)}`}: ${changes.length} of ${changes.length + kept.length} are something else by now`,
    ...changes.map(changeLine),
    ...warnings.map(({ message }) => line`  ${yellow`warning`} ${message}`),
    line`  ${cyan`hint`} fledge update writes it`,
  ];
}

/** What holds each input of a plugin: for `plan` and `doctor`. */
export function statusLines({ inputs, unpinned, notes }: LockStatus): Shown[] {
  return [
    ...inputs.map(statusLine),
    ...unpinned.map(({ what, hint }) => line`${yellow`?`} ${what}  not pinned: ${hint}`),
    ...notes.map((note) => line`${yellow`?`} ${note}`),
  ];
}

function statusLine({ key, digest, by, problem }: InputStatus): Shown {
  if (problem !== undefined) return line`${yellow`?`} ${key}  ${problem}`;
  const where = by === "config" ? "the config" : "fledge.lock";
  return line`${green`✔`} ${key}  ${gray`${digest ?? ""} (${where})`}`;
}

function tally(changes: readonly LockChange[], kept: readonly string[]): string {
  const added = changes.filter(({ from }) => from === undefined).length;
  const dropped = changes.filter(({ to }) => to === undefined).length;
  const counts = [
    [added, "new"],
    [changes.length - added - dropped, "different"],
    [dropped, "dropped"],
    [kept.length, "as before"],
  ] as const;
  const said = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return said.length === 0 ? "there is nothing to lock" : said.join(", ");
}

function changeLine({ key, from, to }: LockChange): Shown {
  if (from === undefined) return line`  ${green`+`} ${key}  ${shownEntry(to)}`;
  if (to === undefined) return line`  ${red`-`} ${key}  ${shownEntry(from)}`;
  return line`  ${cyan`~`} ${key}  ${shownEntry(from)} -> ${shownEntry(to)}`;
}

function shownEntry(entry: LockEntry | undefined): string {
  if (entry === undefined) return "";
  return entry.tag === undefined ? entry.digest : `${entry.tag} (${entry.digest})`;
}

function limitLines({ unpinned, notes, warnings }: LockReport): Shown[] {
  return [
    ...unpinned.flatMap(({ what, hint }) => [
      line`  ${yellow`unpinned`} ${what}: a frozen build refuses it`,
      line`    ${cyan`hint`} ${hint}`,
    ]),
    ...notes.map((note) => line`  ${yellow`note`} ${note}`),
    ...warnings.map(({ message }) => line`  ${yellow`warning`} ${message}`),
  ];
}
