import { colors } from "consola/utils";
import { formatPlatform, hostPlatform } from "../../lib/platform.ts";
import type { Diagnosis, Finding } from "../../pipeline/doctor.ts";

/** What this machine is, then each subject with a line per need, and below it what mends what is missing. */
export function renderDiagnoses(diagnoses: readonly Diagnosis[]): string {
  const widest = Math.max(...diagnoses.flatMap(({ findings }) => findings.map(({ what }) => what.length)), 0);
  const sections = diagnoses.map(({ subject, findings }) => [
    "",
    colors.bold(subject),
    ...(findings.length === 0 ? [`  ${colors.green("✔")} nothing but Node`] : []),
    ...findings.flatMap((finding) => findingLines(finding, widest)),
  ]);
  const user = process.getuid?.() === 0 ? "root" : "no root";
  const header = `Node ${process.versions.node} on ${formatPlatform(hostPlatform())}, ${user}`;
  return `${[header, ...sections.flat()].join("\n")}\n`;
}

function findingLines(finding: Finding, width: number): string[] {
  const { isMet, isNeeded, what, reason, found, problem, fix, instead } = finding;
  const mark = isMet ? colors.green("✔") : isNeeded ? colors.red("✖") : colors.yellow("?");
  const purpose = `${isNeeded ? "to" : "if it has to"} ${reason}`;
  const line = `  ${mark} ${what.padEnd(width)}  ${purpose}  ${colors.gray((isMet ? found : problem) ?? "")}`;
  if (isMet) return [line];
  const remedies = [fix, instead === undefined ? undefined : `or ${instead}`].filter((text) => text !== undefined);
  return [line, ...remedies.map((text) => `      ${colors.cyan(text)}`)];
}
