import { open } from "node:fs/promises";
import { posix } from "node:path";
import { type RunContext, throwIfAborted } from "../../lib/context.ts";
import { sniffCompression } from "../../lib/decompress.ts";
import { FledgeError } from "../../lib/errors.ts";
import { hashFile } from "../../lib/files/hash-file.ts";
import type { LayerEntry } from "../../rootfs/layer.ts";
import { LimitCounter } from "../../rootfs/limits.ts";
import { Notes } from "../../rootfs/notes.ts";
import { broken, type Reader } from "../../rootfs/tar/member.ts";
import { notATar, START_BYTES } from "../../rootfs/tar/not-a-tar.ts";
import { parseArchive } from "../../rootfs/tar/parser.ts";
import { openLayer } from "../../store/layers.ts";
import { readLocal, sizeOfFile, unreadable } from "../local.ts";
import type { FileSet } from "./files.ts";

/** Far more than an image has; the contents of the layers do not count here. */
const MAX_MEMBERS = 100_000;
const MAX_LINKS = 8;

/**
 * The files in a tar of an image. Of an uncompressed one only the headers are read; a compressed one (`docker save |
 * gzip`) is unpacked into the store first.
 */
export async function archiveFiles(path: string, ctx: RunContext): Promise<FileSet> {
  const size = await sizeOfFile(path);
  const head = await readHead(path);
  const members = new Map<string, LayerEntry>();
  const add = (entry: LayerEntry): void => void members.set(posix.normalize(entry.path).replace(/^\/|\/$/g, ""), entry);
  if (sniffCompression(head) === "none") {
    try {
      await readHeaders(path, add, ctx);
    } catch (error) {
      throw notATar(path, head) ?? error;
    }
    const other = members.size === 0 ? notATar(path, head) : undefined;
    if (other !== undefined) throw other;
  } else {
    const digest = await hashFile(path, ctx.signal);
    const unpacked = await openLayer({ label: path, blob: { digest, size }, open: () => readLocal(path) }, ctx);
    for await (const entry of unpacked.entries()) add(entry);
  }
  return {
    label: path,
    async size(name) {
      const member = fileAt(members, name);
      return member?.size;
    },
    async *read(name) {
      const member = fileAt(members, name);
      if (member?.content.kind !== "stored") throw new FledgeError("source", `${path} has no file ${name}`);
      yield* readLocal(member.content.file, { offset: member.content.offset, size: member.size });
    },
  };
}

/** Seeks from header to header: an archive of gigabytes has a few dozen. */
async function readHeaders(path: string, onEntry: (entry: LayerEntry) => void, ctx: RunContext): Promise<void> {
  const reader: Reader = { position: 0, mayEnd: true, held: undefined, contentBytes: 0 };
  const limits = { maxEntries: MAX_MEMBERS, maxUnpackedBytes: Number.POSITIVE_INFINITY };
  const counter = new LimitCounter(path, limits);
  const parser = parseArchive(reader, { label: path, storedFile: path, counter, notes: new Notes(), onEntry });
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    for (let need = parser.next(); need.done !== true; ) {
      throwIfAborted(ctx.signal);
      const wanted = Math.abs(need.value);
      if (reader.position === size && reader.mayEnd) return;
      if (reader.position + wanted > size) throw broken(path, size, "the archive ends in the middle of an entry");
      const bytes = Buffer.alloc(Math.max(0, need.value));
      if (bytes.length > 0) await handle.read(bytes, 0, bytes.length, reader.position);
      reader.position += wanted;
      need = parser.next(bytes);
    }
  } finally {
    await handle.close();
  }
}

/** A regular file by its name, through links: `docker save` wrote equal layers as symlinks to the first one. */
function fileAt(members: ReadonlyMap<string, LayerEntry>, name: string): (LayerEntry & { type: "file" }) | undefined {
  let at = posix.normalize(name);
  for (let hops = 0; hops <= MAX_LINKS; hops++) {
    const member = members.get(at);
    if (member?.type === "file") return member;
    if (member?.type === "symlink") at = posix.join(posix.dirname(at), member.target);
    else if (member?.type === "hardlink") at = posix.normalize(member.target);
    else return undefined;
  }
  return undefined;
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const head = Buffer.alloc(START_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
