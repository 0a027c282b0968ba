import { type ByteString, toByteString } from "../../../lib/bytes.ts";
import { FledgeError } from "../../../lib/errors.ts";
import { BLOCK_BYTES, ROOT_INODE, S_IFDIR, S_IFLNK, S_IFREG } from "../structures/constants.ts";
import type { DiskInode, Ext4Reader } from "./read.ts";

const TYPE_MASK = 0o170000;

/** As the kernel has it (MAXSYMLINKS). */
const MAX_LINKS = 40;

/** The inode that a path leads to, symbolic links followed, inside of the image; undefined where nothing is there. */
export function findInode(reader: Ext4Reader, path: string): DiskInode | undefined {
  const trail = [reader.inode(ROOT_INODE)];
  const words = wordsOf(toByteString(path));
  let links = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const child = childOf(reader, trail.at(-1) as DiskInode, word);
    if (child === undefined) return undefined;
    if ((child.mode & TYPE_MASK) !== S_IFLNK) {
      trail.push(child);
      continue;
    }
    if (++links > MAX_LINKS) throw new FledgeError("io", `${path} has too many symbolic links`);
    const target = reader.symlinkTarget(child) as ByteString;
    if (target.startsWith("/")) trail.splice(1);
    words.unshift(...wordsOf(target));
  }
  return trail.at(-1);
}

/** The bytes of a regular file; undefined where there is none. What was never written is zeros. */
export function readFileIn(reader: Ext4Reader, path: string): Buffer | undefined {
  const inode = findInode(reader, path);
  if (inode === undefined || (inode.mode & TYPE_MASK) !== S_IFREG) return undefined;
  const bytes = Buffer.alloc(inode.size);
  for (const { logical, physical, count } of reader.map(inode)) {
    const used = Math.min(count, Math.ceil(inode.size / BLOCK_BYTES) - logical);
    if (used > 0) reader.readBlocks(physical, used).copy(bytes, logical * BLOCK_BYTES);
  }
  return bytes;
}

function childOf(reader: Ext4Reader, folder: DiskInode, name: ByteString): DiskInode | undefined {
  if ((folder.mode & TYPE_MASK) !== S_IFDIR) return undefined;
  const entry = reader.names(folder).find((one) => one.name === name);
  return entry === undefined ? undefined : reader.inode(entry.inodeNumber);
}

function wordsOf(path: ByteString): ByteString[] {
  return path.split("/").filter((word) => word !== "" && word !== ".") as ByteString[];
}
