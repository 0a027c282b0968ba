import { aspectText } from "../../inspect/compare.ts";
import type { Difference, ImageDiff } from "../../inspect/diff.ts";
import type { ImageFinding } from "../../inspect/findings.ts";
import type { ImageReport } from "../../inspect/inspect.ts";
import type { ListedEntry } from "../../inspect/list.ts";
import { formatGrowth, formatSize, fromByteString, toByteString } from "../../lib/bytes.ts";
import type { InodeType } from "../../rootfs/node.ts";
import { bold, gray, green, line, red, type Shown, shown, yellow } from "../terminal.ts";

const LETTERS: Readonly<Record<InodeType, string>> = {
  file: "-",
  dir: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
  socket: "s",
};

/** The names of a listing, one to a line whatever is in them; `long` as `ls -l` has it, sizes in bytes. */
export function listedLines(
  entries: readonly ListedEntry[],
  { long, recursive }: { readonly long: boolean; readonly recursive: boolean },
): Shown[] {
  const names = entries.map(({ path }) => named(recursive ? path : path.slice(path.lastIndexOf("/") + 1)));
  if (!long) return names;
  const owners = entries.map(({ uid, gid }) => `${uid}:${gid}`);
  const sizes = entries.map(({ size, device }) => device ?? String(size));
  const [ownerWidth, sizeWidth] = [owners, sizes].map((column) => Math.max(0, ...column.map(({ length }) => length)));
  return entries.map(({ type, mode, mtimeSec, target, xattrs }, i) => {
    const owner = (owners[i] ?? "").padEnd(ownerWidth ?? 0);
    const size = (sizes[i] ?? "").padStart(sizeWidth ?? 0);
    const link = target === undefined ? line`` : line` -> ${named(target)}`;
    return line`${LETTERS[type]}${bitsOf(mode)}${xattrs === undefined ? " " : "+"} ${owner} ${size} ${timeOf(mtimeSec)} ${names[i] ?? ""}${link}`;
  });
}

/** A name as people read it, on one line. */
function named(path: string): Shown {
  return shown(fromByteString(toByteString(path))).oneLine;
}

function bitsOf(mode: number): string {
  const triple = (bits: number): string => `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${bits & 1 ? "x" : "-"}`;
  const special = (text: string, isSet: number, letter: string): string => {
    if (!isSet) return text;
    return `${text.slice(0, 2)}${text.endsWith("x") ? letter : letter.toUpperCase()}`;
  };
  const [user, group, other] = [triple(mode >> 6), triple(mode >> 3), triple(mode)];
  return special(user, mode & 0o4000, "s") + special(group, mode & 0o2000, "s") + special(other, mode & 0o1000, "t");
}

/** What no calendar of JavaScript has is shown as seconds. */
function timeOf(sec: number): string {
  const date = new Date(sec * 1000);
  return Number.isNaN(date.getTime()) ? String(sec) : date.toISOString().slice(0, 16).replace("T", " ");
}

/** One line for each path that differs, and what each image has more of at the end. */
export function diffLines({ a, b, isSame, differences, notCompared }: ImageDiff): Shown[] {
  const without = notCompared.length === 0 ? line`` : gray` (without ${notCompared.join(", ")}, which one cannot tell)`;
  if (isSame) return [line`${a.target} and ${b.target} are the same${without}`];
  const count = (change: Difference["change"]): number => differences.filter((one) => one.change === change).length;
  const bytes = differences.reduce((sum, { sizeA, sizeB }) => sum + sizeB - sizeA, 0);
  const counts = (["added", "removed", "changed", "renamed"] as const)
    .map((change) => [count(change), change] as const)
    .filter(([number]) => number > 0)
    .map(([number, change]) => `${number} ${change}`);
  return [...differences.map(differenceLine), line``, line`${counts.join(", ")}; ${formatGrowth(bytes)}${without}`];
}

function differenceLine({ path, change, from, type, aspects, sizeA, sizeB }: Difference): Shown {
  const what = shown(aspects.map(aspectText).join(", ")).oneLine;
  switch (change) {
    case "added":
      return line`${green`+`} ${named(path)} ${gray`${sizeText(type, sizeB)}`}`;
    case "removed":
      return line`${red`-`} ${named(path)} ${gray`${sizeText(type, sizeA)}`}`;
    case "renamed":
      return line`${yellow`>`} ${named(path)} ${gray`was ${named(from ?? "")}${aspects.length === 0 ? line`` : line`; ${what}`}`}`;
    case "changed":
      return line`${yellow`~`} ${named(path)} ${gray`${what}`}`;
  }
}

function sizeText(type: InodeType, size: number): string {
  return type === "file" ? formatSize(size) : type;
}

const TITLES: Readonly<Record<keyof ImageReport["findings"], string>> = {
  setuid: "setuid and setgid",
  capabilities: "capabilities",
  worldWritable: "writable by all",
  privateKeys: "private keys",
  danglingLinks: "links that lead nowhere",
  foreignPrograms: "programs of another processor",
};

/** How many of a kind are shown; `--json` has them all. */
const SHOWN = 10;

/** A page about one image: what it is, what is large in it, what is worth a look. */
export function reportLines(report: ImageReport): Shown[] {
  const { target, format, facts, counts, contentBytes, findings, packages } = report;
  const inodes = Object.entries(counts).map(([type, number]) => `${number} ${type}`);
  const rows: (readonly [string, string])[] = [
    ["format", [format, facts.compression].filter((text) => text !== undefined && text !== "none").join(", ")],
    ["architecture", facts.architecture ?? ""],
    ["digest", facts.digest ?? ""],
    ["size", sizesOf(facts)],
    ["free", freeOf(facts)],
    ["contents", `${formatSize(contentBytes)} in ${inodes.join(", ")}`],
    ["command line", facts.commandLineBytes === undefined ? "" : `${facts.commandLineBytes} bytes of manifest`],
    ["features", (facts.features ?? []).join(" ")],
    ["packages", packagesText(packages)],
  ];
  return [
    bold`${target}`,
    ...rows.filter(([, text]) => text !== "").map(([title, text]) => line`  ${title.padEnd(13)} ${text}`),
    ...sized("largest files", report.largestFiles),
    ...sized("largest folders", report.largestFolders),
    ...(Object.keys(TITLES) as (keyof typeof TITLES)[]).flatMap((kind) => findingLines(TITLES[kind], findings[kind])),
  ];
}

function packagesText(packages: ImageReport["packages"]): string {
  const managers = [...new Set(packages.map(({ manager }) => manager))];
  return managers.map((one) => `${packages.filter(({ manager }) => manager === one).length} of ${one}`).join(", ");
}

function sizesOf({ fileBytes, logicalBytes, usedBytes }: ImageReport["facts"]): string {
  const parts = [
    fileBytes === undefined ? undefined : formatSize(fileBytes),
    usedBytes === undefined ? undefined : `${formatSize(usedBytes)} used`,
    logicalBytes === undefined || logicalBytes === fileBytes ? undefined : `${formatSize(logicalBytes)} unpacked`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function freeOf({ freeBlocks, blockBytes = 0, freeInodes, inodes }: ImageReport["facts"]): string {
  if (freeBlocks === undefined) return "";
  return `${formatSize(freeBlocks * blockBytes)} in ${freeBlocks} blocks, ${freeInodes} of ${inodes} inodes`;
}

function sized(title: string, paths: ImageReport["largestFiles"]): Shown[] {
  if (paths.length === 0) return [];
  return [
    line``,
    bold`${title}`,
    ...paths.map(({ path, bytes }) => line`  ${formatSize(bytes).padStart(10)}  ${named(path)}`),
  ];
}

function findingLines(title: string, found: readonly ImageFinding[]): Shown[] {
  if (found.length === 0) return [];
  const more = found.length - SHOWN;
  return [
    line``,
    bold`${title}`,
    ...found.slice(0, SHOWN).map(({ path, what }) => line`  ${named(path)} ${gray`${named(what)}`}`),
    ...(more > 0 ? [gray`  and ${more} more`] : []),
  ];
}
