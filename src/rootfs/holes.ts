import { throwIfAborted } from "../lib/context.ts";
import { readContent } from "./content.ts";
import type { DirInode, FileInode, Inode, Segment } from "./node.ts";

/** The block of most file systems: a hole is at least as long. */
const HOLE_BYTES = 4096;
const ZEROS: Buffer = Buffer.alloc(HOLE_BYTES);

/**
 * Finds the holes of the host's sparse files in a tree, as `cp --sparse=always` does: by their zeros. Node has no
 * SEEK_HOLE, and a hole more than the file has changes nothing of what is read.
 */
export async function findHoles(root: DirInode, signal: AbortSignal): Promise<void> {
  for (const file of filesWithHoles(root)) {
    const segments = await dataOf(file, signal);
    const { content } = file;
    if (content.kind === "file") file.content = { ...content, hasHoles: false, segments };
  }
}

function filesWithHoles(root: DirInode): Set<FileInode> {
  const found = new Set<FileInode>();
  const stack: Inode[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.type === "file" && node.content.kind === "file" && node.content.hasHoles) found.add(node);
    if (node.type === "dir") for (const child of node.children.values()) stack.push(child);
  }
  return found;
}

async function dataOf(file: FileInode, signal: AbortSignal): Promise<Segment[]> {
  const segments: { at: number; length: number }[] = [];
  for await (const { at, bytes } of readContent(file)) {
    throwIfAborted(signal);
    for (let from = 0; from < bytes.length; from += HOLE_BYTES) {
      const length = Math.min(HOLE_BYTES, bytes.length - from);
      if (ZEROS.compare(bytes, from, from + length, 0, length) === 0) continue;
      const last = segments.at(-1);
      if (last !== undefined && last.at + last.length === at + from) last.length += length;
      else segments.push({ at: at + from, length });
    }
  }
  return segments;
}
