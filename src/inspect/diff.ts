import { compareBytes, toText } from "../lib/bytes.ts";
import { throwIfAborted } from "../lib/context.ts";
import { digestContent } from "../rootfs/content.ts";
import type { FileInode, Inode, InodeType } from "../rootfs/node.ts";
import type { SealedEntry, SealedInode } from "../rootfs/seal.ts";
import { type Aspect, aspectsOf } from "./compare.ts";
import type { ImageReader, Loss } from "./reader.ts";

/** One path that two images differ in. Sizes in bytes, 0 for all but regular files. */
export type Difference = {
  readonly path: string;
  readonly change: "added" | "removed" | "changed" | "renamed";
  readonly type: InodeType;
  /** Of what was renamed: its path in the first image. */
  readonly from?: string;
  /** In what they differ, where both have it. */
  readonly aspects: readonly Aspect[];
  readonly sizeA: number;
  readonly sizeB: number;
};

/** What two images do not agree on; empty where they are the same. */
export type ImageDiff = {
  readonly a: Pick<ImageReader, "target" | "format" | "facts">;
  readonly b: Pick<ImageReader, "target" | "format" | "facts">;
  readonly isSame: boolean;
  /** By path. */
  readonly differences: readonly Difference[];
  /** What one of the formats cannot tell and was not compared. */
  readonly notCompared: readonly Loss[];
};

/**
 * Compares two images by path: type, mode, owner, attributes, links, target, size and content, of which what has moved is
 * found by its digest. Times are not compared, nor what one of the formats cannot tell, nor an empty lost+found.
 */
export async function diffImages(
  a: ImageReader,
  b: ImageReader,
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): Promise<ImageDiff> {
  const losses = new Set([...a.lacks, ...b.lacks]);
  const pairs = align(namesOf(a, losses), namesOf(b, losses));
  const links = linksOf(pairs);
  const differences: Difference[] = [];
  const compared = new Map<SealedInode, { readonly with: SealedInode; readonly aspects: Aspect[] }>();
  for (const { one, other } of pairs) {
    throwIfAborted(signal);
    if (one === undefined || other === undefined) continue;
    const known = compared.get(one.inode);
    const own = known?.with === other.inode ? known.aspects : await aspectsOf(one.inode.node, other.inode.node, losses);
    compared.set(one.inode, { with: other.inode, aspects: own });
    const aspects = [...own, ...links(one, other)];
    if (aspects.length > 0) differences.push({ ...described(other), change: "changed", aspects, ...sizes(one, other) });
  }
  differences.push(...(await moved(pairs, losses, signal)));
  differences.sort((x, y) => compareBytes(x.path, y.path));
  return {
    a: sideOf(a),
    b: sideOf(b),
    isSame: differences.length === 0,
    differences,
    notCompared: [...losses],
  };
}

type Pair = { readonly one: SealedEntry | undefined; readonly other: SealedEntry | undefined };

function sideOf({ target, format, facts }: ImageReader): ImageDiff["a"] {
  return { target, format, facts };
}

function namesOf({ tree }: ImageReader, losses: ReadonlySet<Loss>): SealedEntry[] {
  return tree.entries
    .filter(({ path, inode }) => !(path === "lost+found" && inode.node.type === "dir" && inode.entries.length === 0))
    .filter(({ inode }) => !(losses.has("sockets") && inode.node.type === "socket"))
    .sort((x, y) => compareBytes(x.path, y.path));
}

/** Both are sorted by path, so that one walk over them finds what belongs together. */
function align(ones: readonly SealedEntry[], others: readonly SealedEntry[]): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < ones.length || j < others.length; ) {
    const [one, other] = [ones[i], others[j]];
    const order = one === undefined ? 1 : other === undefined ? -1 : compareBytes(one.path, other.path);
    pairs.push({ one: order <= 0 ? one : undefined, other: order >= 0 ? other : undefined });
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return pairs;
}

/** Names that belong together in one image and not in the other, among those that both have. */
function linksOf(pairs: readonly Pair[]): (one: SealedEntry, other: SealedEntry) => Aspect[] {
  const firstA = new Map<SealedInode, string>();
  const firstB = new Map<SealedInode, string>();
  for (const { one, other } of pairs) {
    if (one === undefined || other === undefined) continue;
    if (!firstA.has(one.inode)) firstA.set(one.inode, pathOf(one));
    if (!firstB.has(other.inode)) firstB.set(other.inode, pathOf(other));
  }
  return (one, other) => {
    const [a = "", b = ""] = [firstA.get(one.inode), firstB.get(other.inode)];
    return a === b ? [] : [{ what: "links", a: `one file with ${a}`, b: `one file with ${b}` }];
  };
}

/** What only one of them has: gone, new, or the same content under another name. */
async function moved(pairs: readonly Pair[], losses: ReadonlySet<Loss>, signal: AbortSignal): Promise<Difference[]> {
  const gone = pairs.flatMap(({ one, other }) => (one !== undefined && other === undefined ? [one] : []));
  const come = pairs.flatMap(({ one, other }) => (other !== undefined && one === undefined ? [other] : []));
  const sources = await byContent(gone, new Set(come.map(sizeOf)), signal);
  const taken = new Set<SealedEntry>();
  const found: Difference[] = [];
  for (const entry of come) {
    throwIfAborted(signal);
    const from = sources.size === 0 ? undefined : await sourceOf(entry, sources, taken);
    if (from === undefined) {
      found.push({ ...described(entry), change: "added", aspects: [], sizeA: 0, sizeB: sizeOf(entry) });
      continue;
    }
    taken.add(from);
    const aspects = await aspectsOf(from.inode.node, entry.inode.node, losses);
    found.push({ ...described(entry), change: "renamed", from: pathOf(from), aspects, ...sizes(from, entry) });
  }
  const removed = gone.filter((entry) => !taken.has(entry));
  return [
    ...found,
    ...removed.map(
      (entry): Difference => ({ ...described(entry), change: "removed", aspects: [], sizeA: sizeOf(entry), sizeB: 0 }),
    ),
  ];
}

/** Files by their digests; only those are read that have a size which may be looked for. */
async function byContent(
  entries: readonly SealedEntry[],
  sizesWanted: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Map<string, SealedEntry[]>> {
  const found = new Map<string, SealedEntry[]>();
  for (const entry of entries) {
    throwIfAborted(signal);
    const file = contentOf(entry);
    if (file === undefined || !sizesWanted.has(file.size)) continue;
    const key = `${file.size} ${await digestContent(file)}`;
    found.set(key, [...(found.get(key) ?? []), entry]);
  }
  return found;
}

async function sourceOf(
  entry: SealedEntry,
  sources: ReadonlyMap<string, readonly SealedEntry[]>,
  taken: ReadonlySet<SealedEntry>,
): Promise<SealedEntry | undefined> {
  const file = contentOf(entry);
  if (file === undefined) return undefined;
  const free = sources.get(`${file.size} ${await digestContent(file)}`)?.filter((source) => !taken.has(source)) ?? [];
  return free.find(({ name }) => name === entry.name) ?? free[0];
}

/** Of an empty file nothing tells where it came from. */
function contentOf({ inode }: SealedEntry): FileInode | undefined {
  return inode.node.type === "file" && inode.node.size > 0 ? inode.node : undefined;
}

function described(entry: SealedEntry): Pick<Difference, "path" | "type"> {
  return { path: pathOf(entry), type: entry.inode.node.type };
}

function pathOf({ path }: SealedEntry): string {
  return `/${toText(path)}`;
}

function sizes(one: SealedEntry, other: SealedEntry): Pick<Difference, "sizeA" | "sizeB"> {
  return { sizeA: sizeOf(one), sizeB: sizeOf(other) };
}

function sizeOf({ inode }: SealedEntry): number {
  const node: Inode = inode.node;
  return node.type === "file" ? node.size : 0;
}
