import { type ByteString, fromByteString } from "../lib/bytes.ts";
import { throwIfAborted, type Warning } from "../lib/context.ts";
import { assertNever, FledgeError, isFledgeError } from "../lib/errors.ts";
import type { Layer, LayerEntry } from "./layer.ts";
import { meaningOf, namesOf, WHITEOUT } from "./layer-path.ts";
import { guestXattrs } from "./layer-xattrs.ts";
import { type LayerLimits, LimitCounter } from "./limits.ts";
import { lookup, type Place } from "./lookup.ts";
import type { DirInode, Inode, Metadata } from "./node.ts";
import { Placer } from "./placer.ts";
import { RootfsTree } from "./tree.ts";
import { applyWhiteouts, type Whiteout } from "./whiteouts.ts";

export type ApplyOptions = {
  readonly limits?: LayerLimits | undefined;
  readonly warn?: ((warning: Warning) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** False for an archive that is no layer: a name such as `.wh.x` is a name like any other there. Default true. */
  readonly hasWhiteouts?: boolean | undefined;
};

/** The tree of a stack of layers, the bottom one first. Throws as `applyLayer` does. */
export async function mergeLayers(
  layers: AsyncIterable<Layer> | Iterable<Layer>,
  options: ApplyOptions = {},
): Promise<RootfsTree> {
  const tree = new RootfsTree();
  for await (const layer of layers) await applyLayer(tree.root, layer, options);
  return tree;
}

/**
 * Lays a layer over a tree (image-spec, layer.md, "Applying Changesets"): first its whiteouts take away what lower layers
 * have, then its entries come in, in order, the later one of two for the same path winning. Linear in the entries.
 * Throws a `source` error that names the layer and the entry.
 */
export async function applyLayer(root: DirInode, layer: Layer, options: ApplyOptions = {}): Promise<void> {
  const { entries, whiteouts } = await sortOut(layer, options);
  applyWhiteouts(
    root,
    whiteouts,
    memoize(() => replacedPaths(entries, whiteouts)),
  );
  const scope: Scope = { ...options, label: layer.label, root, placer: new Placer(root) };
  for (const entry of entries) applyEntry(entry, scope);
}

type Scope = ApplyOptions & { readonly label: string; readonly root: DirInode; readonly placer: Placer };

async function sortOut(layer: Layer, options: ApplyOptions): Promise<{ entries: LayerEntry[]; whiteouts: Whiteout[] }> {
  const counter = new LimitCounter(layer.label, options.limits);
  const entries: LayerEntry[] = [];
  const whiteouts: Whiteout[] = [];
  const add = (entry: LayerEntry): void => {
    const target = entry.type === "symlink" || entry.type === "hardlink" ? entry.target : "";
    counter.addEntry(entry.path, entry.type === "file" ? entry.size : 0, target);
    if (options.hasWhiteouts === false || !entry.path.includes(WHITEOUT)) {
      entries.push(entry);
      return;
    }
    const names = namesOf(entry.path);
    const meaning = meaningOf(names);
    switch (meaning.kind) {
      case "entry":
        entries.push(entry);
        return;
      case "whiteout":
        whiteouts.push({ folder: names.slice(0, -1), name: meaning.name });
        return;
      case "ignored":
        return;
      case "invalid":
        throw failed(layer.label, entry, "is a whiteout that names nothing");
      default:
        assertNever(meaning);
    }
  };
  const all = layer.entries();
  if (options.signal) throwIfAborted(options.signal);
  // Awaiting each of a hundred thousand entries that are there already would cost as much as merging them.
  if (Symbol.iterator in all) for (const entry of all) add(entry);
  else for await (const entry of all) add(entry);
  return { entries, whiteouts };
}

function replacedPaths(entries: readonly LayerEntry[], whiteouts: readonly Whiteout[]): Set<string> {
  const paths = new Set<string>();
  for (const { type, path } of entries) if (type !== "symlink") paths.add(namesOf(path).join("/"));
  for (const { folder, name } of whiteouts) if (name !== undefined) paths.add([...folder, name].join("/"));
  return paths;
}

function applyEntry(entry: LayerEntry, scope: Scope): void {
  // Before its own name is made: what is in the way of that may lead to the target.
  const linked = entry.type === "hardlink" ? linkTarget(entry, scope) : undefined;
  const place = placeOf(entry, scope);
  const { node } = place;
  if (entry.type === "dir" && node?.type === "dir") Object.assign(node, metadataOf(entry, scope));
  else if (node === scope.root) throw failed(scope.label, entry, `would make the root a ${entry.type}`);
  else scope.placer.put(place, linked ?? inodeOf(entry, scope));
}

function placeOf(entry: LayerEntry, { placer, label }: Scope): Place {
  try {
    return placer.find(entry.path);
  } catch (error) {
    throw isFledgeError(error) ? failed(label, entry, `cannot be placed: ${error.message}`, error) : error;
  }
}

function linkTarget(entry: LayerEntry & { type: "hardlink" }, scope: Scope): Inode {
  const target = namesOf(entry.target).join("/") as ByteString;
  const shown = fromByteString(entry.target);
  let node: Inode | undefined;
  try {
    node = lookup(scope.root, target, { followLast: false })?.node;
  } catch (error) {
    if (!isFledgeError(error)) throw error;
    throw failed(scope.label, entry, `is a hard link to ${shown}, which is not there`, error);
  }
  if (node === undefined) throw failed(scope.label, entry, `is a hard link to ${shown}, which is not there`);
  if (node.type === "dir") throw failed(scope.label, entry, `is a hard link to ${shown}, which is a directory`);
  return node;
}

function inodeOf(entry: LayerEntry, scope: Scope): Inode {
  const metadata = metadataOf(entry, scope);
  switch (entry.type) {
    case "file":
      return { type: "file", ...metadata, size: entry.size, content: entry.content };
    case "dir":
      return { type: "dir", ...metadata, children: new Map() };
    case "symlink":
      if (entry.target === "") throw failed(scope.label, entry, "is a symbolic link to nothing");
      // Linux gives every symlink this mode; what the archive says would only make images differ.
      return { type: "symlink", ...metadata, mode: 0o777, target: entry.target };
    case "char":
    case "block":
      return { type: entry.type, ...metadata, major: entry.major, minor: entry.minor };
    case "fifo":
    case "socket":
      return { type: entry.type, ...metadata };
    case "hardlink":
      throw new FledgeError("internal", "a hard link is no inode of its own");
    default:
      return assertNever(entry);
  }
}

function metadataOf(entry: LayerEntry, scope: Scope): Metadata {
  const { metadata } = entry;
  return {
    mode: metadata.mode,
    uid: metadata.uid,
    gid: metadata.gid,
    mtime: metadata.mtime,
    xattrs: guestXattrs(metadata.xattrs, (name) =>
      scope.warn?.({
        message: `layer ${scope.label}: ${fromByteString(entry.path)} has the extended attribute ${fromByteString(name)}, which Linux cannot store; left out`,
      }),
    ),
  };
}

function memoize<T>(compute: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => {
    value ??= { of: compute() };
    return value.of;
  };
}

function failed(label: string, entry: LayerEntry, what: string, cause?: unknown): FledgeError {
  return new FledgeError("source", `layer ${label}: ${fromByteString(entry.path)} ${what}`, { cause });
}
