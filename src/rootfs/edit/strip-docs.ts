import type { ByteString } from "../../lib/bytes.ts";
import type { DirInode, Inode } from "../node.ts";
import type { RootfsTree } from "../tree.ts";

/** What `stripDocs` takes away. */
export type StripOptions = {
  /** /usr/share/doc, info, gtk-doc and the like, but for copyright files. */
  readonly docs?: boolean;
  readonly man?: boolean;
  /** Translations of programs; /usr/lib/locale, which the C library reads, stays. */
  readonly locale?: boolean;
  /** What apt, apk, dnf, yum and pip have downloaded. */
  readonly caches?: boolean;
};

/** The folders of each kind; what is in them goes, they themselves stay. */
const FOLDERS: Readonly<Record<keyof StripOptions, readonly string[]>> = {
  docs: ["usr/share/doc", "usr/share/info", "usr/share/gtk-doc", "usr/share/doc-base", "usr/share/lintian"],
  man: ["usr/share/man", "usr/local/share/man", "usr/local/man"],
  locale: ["usr/share/locale"],
  caches: [
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/cache/apk",
    "var/cache/dnf",
    "var/cache/yum",
    "var/cache/man",
    "root/.cache",
  ],
};

/** Licences ask for their text to go with the program; locale.alias is no translation. */
const KEPT = /^(copyright|COPYING.*|LICEN[CS]E.*|NOTICE.*|locale\.alias)$/;

/**
 * Takes documentation, manuals, translations and package managers' caches out of the tree, each unless said `false`.
 * Licences stay. Returns how many bytes of files that freed; a file that has another name elsewhere frees nothing.
 */
export function stripDocs(rootfs: RootfsTree, options: StripOptions = {}): number {
  const before = contentBytes(rootfs.root);
  for (const [kind, folders] of Object.entries(FOLDERS)) {
    if (options[kind as keyof StripOptions] === false) continue;
    for (const folder of folders) {
      const dir = folderAt(rootfs.root, folder);
      if (dir !== undefined) empty(rootfs, { dir, name: folder });
    }
  }
  return before - contentBytes(rootfs.root);
}

/** Symlinks are not followed: what they lead to may be in use. */
function folderAt(root: DirInode, path: string): DirInode | undefined {
  let dir: DirInode = root;
  for (const name of path.split("/")) {
    const child = dir.children.get(name as ByteString);
    if (child?.type !== "dir") return undefined;
    dir = child;
  }
  return dir;
}

type Folder = { readonly dir: DirInode; readonly name: string; readonly parent?: Folder };

/** Without recursion: an image may nest its folders as deep as it likes. */
function empty(rootfs: RootfsTree, top: Folder): void {
  const folders: Folder[] = [top];
  const kept = new Set<Folder | undefined>([top]);
  for (const folder of folders) {
    for (const [name, child] of folder.dir.children) {
      if (child.type === "dir") folders.push({ dir: child, name, parent: folder });
    }
  }
  // What a folder holds comes behind it.
  for (const folder of folders.toReversed()) {
    const holdsKept = [...folder.dir.children].some(([name, child]) => child.type !== "dir" && KEPT.test(name));
    if (holdsKept || kept.has(folder)) kept.add(folder).add(folder.parent);
  }
  // By way of the tree, which remembers what it has lost.
  for (const folder of folders) {
    if (!kept.has(folder) && kept.has(folder.parent)) rootfs.rm(pathOf(folder));
    if (!kept.has(folder)) continue;
    for (const [name, child] of folder.dir.children) {
      if (child.type !== "dir" && !KEPT.test(name)) rootfs.rm(pathOf({ dir: folder.dir, name, parent: folder }));
    }
  }
}

/** Names are bytes. */
function pathOf(folder: Folder): Buffer {
  const names: string[] = [];
  for (let at: Folder | undefined = folder; at !== undefined; at = at.parent) names.unshift(at.name);
  return Buffer.from(`/${names.join("/")}`, "latin1");
}

/** The sizes of all regular files, each inode once. */
function contentBytes(root: DirInode): number {
  const seen = new Set<Inode>();
  const stack: Inode[] = [root];
  let bytes = 0;
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.type === "file") bytes += node.size;
    if (node.type === "dir") for (const child of node.children.values()) stack.push(child);
  }
  return bytes;
}
