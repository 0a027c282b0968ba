import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import { assertNever, FledgeError, isFledgeError } from "../../lib/errors.ts";
import { memoize } from "../../lib/memoize.ts";
import { Pause } from "../../lib/pause.ts";
import { TextAcls } from "../attributes/text-acls.ts";
import { guestXattrs } from "../attributes/xattrs.ts";
import type { Layer, LayerEntry } from "../layer.ts";
import { type LayerLimits, LimitCounter } from "../limits.ts";
import { lookup, type Place } from "../lookup.ts";
import type { DirInode, Inode, Metadata } from "../node.ts";
import { Notes } from "../notes.ts";
import type { Origins } from "../origin.ts";
import { isAufsLink, meaningOf, namesOf, WHITEOUT } from "./layer-path.ts";
import { Placer } from "./placer.ts";
import { applyWhiteouts, type Whiteout } from "./whiteouts.ts";

export type ApplyOptions = {
  readonly limits?: Partial<LayerLimits> | undefined;
  readonly warn?: ((warning: Warning) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What the layer brings is of the current one, which hears of what it hides. */
  readonly origins?: Origins | undefined;
};

/**
 * Lays a layer over a tree (image-spec, layer.md, "Applying Changesets"): first its whiteouts take away what lower layers
 * have, then its entries come in, in order, the later one of two for the same path winning. Linear in the entries, and
 * hears an abort meanwhile; the warnings come at the end.
 * Throws a `source` error that names the layer and the entry.
 */
export async function applyLayer(root: DirInode, layer: Layer, options: ApplyOptions = {}): Promise<void> {
  const { label, hasWhiteouts = false } = layer;
  const counter = new LimitCounter(label, options.limits);
  const pause = new Pause(options.signal);
  // Also for a layer that is over before the first time to listen.
  await pause.take();
  const { entries, whiteouts, aufsLinks } = await sortOut(layer, { hasWhiteouts, counter, pause });
  const replaced = memoize(() => replacedPaths(entries, whiteouts));
  const { origins } = options;
  await applyWhiteouts(root, whiteouts, { replaced, counter, pause, origins });
  const placer = new Placer(root, counter, origins);
  const scope: Scope = { label, root, placer, counter, aufsLinks, origins, notes: new Notes(), acls: new TextAcls() };
  for (const entry of entries) {
    applyEntry(entry, scope);
    if (pause.isDue()) await pause.take();
  }
  scope.acls.settle(root, scope.notes);
  scope.notes.report(label, options.warn);
}

type Scope = {
  readonly label: string;
  readonly root: DirInode;
  readonly placer: Placer;
  readonly counter: LimitCounter;
  readonly notes: Notes;
  readonly acls: TextAcls;
  readonly aufsLinks: AufsLinks;
  readonly origins: Origins | undefined;
};

/** By their paths, the files that AUFS keeps for its hard links; the first link makes the inode that all share. */
type AufsLinks = ReadonlyMap<string, { readonly entry: LayerEntry; inode?: Inode }>;

type Sorted = {
  readonly entries: readonly LayerEntry[];
  readonly whiteouts: readonly Whiteout[];
  readonly aufsLinks: AufsLinks;
};

type SortWork = { readonly hasWhiteouts: boolean; readonly counter: LimitCounter; readonly pause: Pause };

async function sortOut(layer: Layer, { hasWhiteouts, counter, pause }: SortWork): Promise<Sorted> {
  const entries: LayerEntry[] = [];
  const whiteouts: Whiteout[] = [];
  const aufsLinks = new Map<string, { entry: LayerEntry }>();
  const add = (entry: LayerEntry): void => {
    const target = entry.type === "symlink" || entry.type === "hardlink" ? entry.target : "";
    counter.addEntry(entry.path, entry.type === "file" ? entry.size : 0, target);
    counter.addXattrs(entry.metadata.xattrs);
    if (!hasWhiteouts || !entry.path.includes(WHITEOUT)) {
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
      case "linked":
        if (entry.type !== "dir" && entry.type !== "hardlink") aufsLinks.set(meaning.path, { entry });
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
  // Awaiting each of a hundred thousand entries that are there already would cost as much as merging them.
  if (Symbol.iterator in all) {
    for (const entry of all) {
      add(entry);
      if (pause.isDue()) await pause.take();
    }
  } else {
    for await (const entry of all) {
      add(entry);
      if (pause.isDue()) await pause.take();
    }
  }
  return { entries, whiteouts, aufsLinks };
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
  if (entry.type === "dir" && node?.type === "dir") {
    Object.assign(node, metadataOf(entry, scope));
    scope.acls.add(node, entry.path, entry.metadata.xattrs);
  } else if (node === scope.root) {
    throw failed(scope.label, entry, `would make the root a ${entry.type}`);
  } else {
    if (node !== undefined) scope.origins?.lose(namesOf(entry.path).join("/"), node);
    scope.placer.put(place, linked ?? inodeOf(entry, scope));
  }
}

function placeOf(entry: LayerEntry, { placer, label }: Scope): Place {
  try {
    return placer.find(entry.path);
  } catch (error) {
    // Of code "source" it is a limit that was reached.
    const isOfPath = isFledgeError(error) && error.code === "rootfs";
    throw isOfPath ? failed(label, entry, `cannot be placed: ${error.message}`, error) : error;
  }
}

function linkTarget(entry: LayerEntry & { type: "hardlink" }, scope: Scope): Inode {
  const names = namesOf(entry.target);
  const kept = isAufsLink(names) ? scope.aufsLinks.get(names.join("/")) : undefined;
  if (kept !== undefined) {
    kept.inode ??= inodeOf(kept.entry, scope);
    return kept.inode;
  }
  const target = names.join("/") as ByteString;
  const shown = fromByteString(entry.target);
  let node: Inode | undefined;
  try {
    const onLink = (steps: number): void => scope.counter.addLinkSteps(steps);
    node = lookup(scope.root, target, { followLast: false, onLink })?.node;
  } catch (error) {
    if (!isFledgeError(error) || error.code !== "rootfs") throw error;
    throw failed(scope.label, entry, `is a hard link to ${shown}, which is not there`, error);
  }
  if (node === undefined) throw failed(scope.label, entry, `is a hard link to ${shown}, which is not there`);
  if (node.type === "dir") throw failed(scope.label, entry, `is a hard link to ${shown}, which is a directory`);
  return node;
}

function inodeOf(entry: LayerEntry, scope: Scope): Inode {
  const inode = newInode(entry, scope);
  scope.acls.add(inode, entry.path, entry.metadata.xattrs);
  return inode;
}

function newInode(entry: LayerEntry, scope: Scope): Inode {
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
    origin: scope.origins?.current,
    xattrs: guestXattrs(metadata.xattrs, (name) =>
      scope.notes.add(
        "left out, being an extended attribute that Linux cannot store",
        `${fromByteString(name)} (${fromByteString(entry.path)})`,
      ),
    ),
  };
}

function failed(label: string, entry: LayerEntry, what: string, cause?: unknown): FledgeError {
  return new FledgeError("source", `${label}: ${fromByteString(entry.path)} ${what}`, { cause });
}
