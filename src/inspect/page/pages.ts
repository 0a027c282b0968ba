import { originName } from "../../budget/measure.ts";
import type { BuildResult } from "../../contract/result.ts";
import { formatGrowth, formatSize } from "../../lib/bytes.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { BuildOrigins } from "../../store/builds.ts";
import { aspectText } from "../compare.ts";
import type { Difference, ImageDiff } from "../diff.ts";
import type { ImageReport } from "../inspect.ts";
import type { ImageReader } from "../reader.ts";
import { imageMap, type Mapped } from "./groups.ts";
import { type Group, type PageMap, renderPage, type Section } from "./html.ts";
import { bytesByGroup, mergedTree } from "./sized.ts";

/** A page about one image, as HTML: what is large in it and where from, and what is worth a look. */
export function inspectPage(reader: ImageReader, report: ImageReport, origins?: BuildOrigins): string {
  const { target, format, facts, contentBytes, packages } = report;
  const map = imageMap([{ name: target, reader, origins }]);
  return renderPage({
    title: target,
    facts: [
      [format, facts.compression].filter((text) => text !== undefined && text !== "none").join(", "),
      ...(facts.architecture === undefined ? [] : [facts.architecture]),
      ...(facts.logicalBytes === undefined ? [] : [`${formatSize(facts.logicalBytes)} in use`]),
      `${formatSize(contentBytes)} of files`,
      `${Object.values(report.counts).reduce((sum, count) => sum + count, 0)} inodes`,
      ...(packages.length === 0 ? [] : [`${packages.length} packages`]),
    ],
    map,
    sections: [
      groupSection(map),
      ...(origins === undefined ? [] : [goneSection(origins)]),
      {
        title: "Largest files",
        head: ["Size", "Path"],
        rows: report.largestFiles.map(({ path, bytes }) => [bytes, path]),
      },
      {
        title: "Largest folders",
        head: ["Size", "Path"],
        rows: report.largestFolders.map(({ path, bytes }) => [bytes, path]),
      },
      findingSection(report),
      {
        title: "Packages",
        head: ["Name", "Version", "Architecture"],
        rows: packages.map(({ name, version, architecture }) => [name, version, architecture]),
      },
    ],
  });
}

const CHANGES: readonly (Group & { readonly change: Difference["change"] | undefined })[] = [
  { change: undefined, name: "same", slot: "same" },
  { change: "added", name: "added", slot: "added" },
  { change: "removed", name: "removed", slot: "removed" },
  { change: "changed", name: "changed", slot: "changed" },
  { change: "renamed", name: "renamed", slot: "renamed" },
];

const MOST_DIFFERENCES = 2000;

/** A page about what two images differ in, as HTML. */
export function diffPage(a: ImageReader, b: ImageReader, diff: ImageDiff): string {
  const groupOf = (change: Difference["change"] | undefined): number =>
    CHANGES.findIndex((group) => group.change === change);
  const { differences } = diff;
  const map: PageMap = { root: mergedTree(a.root, b.root, differences, groupOf), by: "Difference", groups: CHANGES };
  const bytes = differences.reduce((sum, { sizeA, sizeB }) => sum + sizeB - sizeA, 0);
  const more = differences.length - MOST_DIFFERENCES;
  return renderPage({
    title: `${diff.a.target} and ${diff.b.target}`,
    facts: [
      diff.isSame ? "the same" : `${differences.length} paths differ`,
      formatGrowth(bytes),
      ...(diff.notCompared.length === 0 ? [] : [`without ${diff.notCompared.join(", ")}`]),
    ],
    map,
    sections: [
      groupSection(map),
      {
        title: "Differences",
        ...(more > 0 && { note: `The first ${MOST_DIFFERENCES} of ${differences.length}; fledge diff lists all.` }),
        head: ["Path", "What", "Before", "After"],
        rows: differences.slice(0, MOST_DIFFERENCES).map((one) => [one.path, whatOf(one), one.sizeA, one.sizeB]),
      },
    ],
  });
}

/** A page about what was built, as HTML: stages with their times, and what is in the artifacts that can be read. */
export function buildPage(results: readonly BuildResult[], images: readonly Mapped[]): string {
  const map = images.length > 0 ? imageMap(images) : undefined;
  const longest = Math.max(1, ...results.map(({ durationMs }) => durationMs));
  const names = results.map(({ name, label = name }) => label);
  return renderPage({
    title: names.join(", "),
    facts: results.map(({ isUnchanged, durationMs, size }, i) => {
      const what = `${isUnchanged ? "unchanged" : "built"} in ${formatDuration(durationMs)}, ${formatSize(size.imageBytes)}`;
      return results.length > 1 ? `${names[i]}: ${what}` : what;
    }),
    ...(map !== undefined && { map }),
    sections: [
      ...results.map((result, i) => timeline(result, names[i] ?? "", longest, results.length > 1)),
      ...(map === undefined ? [] : [groupSection(map)]),
      {
        title: "Warnings",
        head: ["Plugin", "Warning"],
        rows: results.flatMap(({ warnings }, i) => warnings.map(({ message }) => [names[i] ?? "", message])),
      },
    ],
  });
}

/** One stage after the other, as they ran. */
function timeline({ stages }: BuildResult, name: string, longestMs: number, isOneOfMany: boolean): Section {
  let at = 0;
  const bars = stages.map(({ durationMs }) => {
    const from = at;
    at += durationMs;
    return [from / longestMs, at / longestMs] as const;
  });
  const title = isOneOfMany ? `Stages of ${name}` : "Stages";
  return {
    title,
    head: ["Stage", "Time"],
    rows: stages.map((one) => [one.stage, formatDuration(one.durationMs)]),
    bars,
  };
}

function groupSection({ root, by, groups }: PageMap): Section {
  const bytes = bytesByGroup(root);
  const rows = groups
    .map(({ name, detail = "" }, place) => [bytes.get(place) ?? 0, name, detail] as const)
    .filter(([size]) => size > 0)
    .sort(([x], [y]) => y - x);
  const hasDetail = rows.some(([, , detail]) => detail !== "");
  return {
    title: `By ${by.toLowerCase()}`,
    head: ["Size", by, ...(hasDetail ? ["Command"] : [])],
    rows: rows.map(([size, name, detail]) => [size, name, ...(hasDetail ? [detail] : [])]),
  };
}

const MOST_GONE = 50;

/** What was fetched or made for nothing. */
function goneSection({ table, gone }: BuildOrigins): Section {
  const nameOf = (place: number | undefined): string => {
    const origin = place === undefined ? undefined : table[place];
    return origin === undefined ? "" : originName(origin);
  };
  const rows = gone
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, MOST_GONE)
    .map(({ path, bytes, from, by }) => [bytes, `/${path}`, nameOf(from), nameOf(by)]);
  return { title: "Replaced or deleted", head: ["Size", "Path", "Of", "By"], rows };
}

const FINDINGS: Readonly<Record<keyof ImageReport["findings"], string>> = {
  setuid: "setuid or setgid",
  capabilities: "capabilities",
  worldWritable: "writable by all",
  privateKeys: "private key",
  danglingLinks: "leads nowhere",
  foreignPrograms: "of another processor",
};

function findingSection({ findings }: ImageReport): Section {
  const kinds = Object.entries(FINDINGS) as [keyof ImageReport["findings"], string][];
  const rows = kinds.flatMap(([kind, title]) => findings[kind].map(({ path, what }) => [path, title, what]));
  return { title: "Worth a look", head: ["Path", "What", "Detail"], rows };
}

function whatOf({ change, from, aspects }: Difference): string {
  const what = aspects.map(aspectText).join(", ");
  if (change === "renamed") return `was ${from}${what === "" ? "" : `; ${what}`}`;
  return change === "changed" ? what : change;
}
