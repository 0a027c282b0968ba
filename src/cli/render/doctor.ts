import { formatPlatform, hostPlatform } from "../../lib/platform.ts";
import type { LockStatus } from "../../lock/status.ts";
import type { Diagnosis, Finding } from "../../pipeline/doctor.ts";
import { bold, cyan, gray, green, line, red, type Shown, shown, yellow } from "../terminal.ts";
import { statusLines } from "./lock.ts";

/** What a plugin needs, and what its build is held to. */
export type Subject = Diagnosis & { readonly lock?: LockStatus };

/** What this machine is, then each subject with a line per need, and below it what mends what is missing. */
export function diagnosisLines(diagnoses: readonly Subject[]): Shown[] {
  const widest = Math.max(...diagnoses.flatMap(({ findings }) => findings.map(({ what }) => shown(what).width)), 0);
  const sections = diagnoses.map(({ subject, findings, lock }) => [
    line``,
    bold`${subject}`,
    ...(findings.length === 0 ? [line`  ${green`✔`} nothing but Node`] : []),
    ...findings.flatMap((finding) => findingLines(finding, widest)),
    ...(lock === undefined ? [] : statusLines(lock).map((text) => line`  ${text}`)),
  ]);
  const user = process.getuid?.() === 0 ? "root" : "no root";
  return [line`Node ${process.versions.node} on ${formatPlatform(hostPlatform())}, ${user}`, ...sections.flat()];
}

function findingLines(finding: Finding, width: number): Shown[] {
  const { isMet, isNeeded, what, reason, found, problem, fix, instead } = finding;
  const mark = isMet ? green`✔` : isNeeded ? red`✖` : yellow`?`;
  const purpose = `${isNeeded ? "to" : finding.kind === "acceleration" ? "would" : "if it has to"} ${reason}`;
  const first = line`  ${mark} ${shown(what).padEnd(width)}  ${purpose}  ${gray`${(isMet ? found : problem) ?? ""}`}`;
  if (isMet) return [first];
  const remedies = [fix, instead === undefined ? undefined : `or ${instead}`].filter((text) => text !== undefined);
  return [first, ...remedies.map((text) => line`      ${cyan`${text}`}`)];
}
