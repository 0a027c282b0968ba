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
      if (dir !== undefined) empty(dir);
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

/** Without recursion: an image may nest its folders as deep as it likes. */
function empty(top: DirInode): void {
  const folders: { readonly dir: DirInode; readonly parent?: DirInode; readonly name?: ByteString }[] = [{ dir: top }];
  for (const { dir } of folders) {
    for (const [name, child] of dir.children) {
      if (child.type === "dir") folders.push({ dir: child, parent: dir, name });
      else if (!KEPT.test(name)) dir.children.delete(name);
    }
  }
  // What a folder holds comes behind it.
  for (const { dir, parent, name } of folders.reverse()) {
    if (name !== undefined && dir.children.size === 0) parent?.children.delete(name);
  }
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
