import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { ByteString } from "../../lib/bytes.ts";
import type { RunContext } from "../../lib/context.ts";
import { type Compression, decompress, sniffCompression } from "../../lib/decompress.ts";
import { FledgeError, isFledgeError, messageOf } from "../../lib/errors.ts";
import { fileBytes } from "../../lib/files/file-bytes.ts";
import { spool } from "../../lib/files/spool.ts";
import { pipeThrough } from "../../lib/process/exec.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import { LimitCounter } from "../../rootfs/limits.ts";
import { type DirInode, NO_XATTRS } from "../../rootfs/node.ts";
import type { ReadImage } from "../read-image.ts";
import { HEADER_BYTES, MAGIC, padding, TRAILER } from "./newc.ts";
import { CpioTree } from "./place.ts";
import { damaged, parseHeader, parseName } from "./read.ts";

export type CpioContext = Pick<RunContext, "signal" | "env" | "cacheDir">;

/** With a checksum, which the kernel does not look at either. */
const MAGIC_WITH_SUM = "070702";
const MAX_NAME_BYTES = 4096;

type Packed = Exclude<Compression, "none"> | "lz4" | "lzma" | "lzo";

/** What the kernel unpacks beside what layers are packed with (lib/decompress.c), each by a program. */
const PROGRAMS: Readonly<
  Record<"lz4" | "lzma" | "lzo", { readonly magic: string; readonly argv: string[]; readonly tool: Tool }>
> = {
  lz4: { magic: "02214c18", argv: ["-dc", "-q"], tool: unpacker("lz4", "lz4", "lz4") },
  lzma: { magic: "5d0000", argv: ["-dc", "--format=lzma"], tool: unpacker("xz", "lzma", "xz-utils") },
  lzo: { magic: "894c5a4f", argv: ["-dc", "-q"], tool: unpacker("lzop", "lzo", "lzop") },
};

function unpacker(name: string, codec: string, debianPackage: string): Tool {
  return { name, reason: `unpack what is compressed with ${codec}`, package: debianPackage };
}

/** Whether a file that begins so may be an initramfs: an archive, or something that the kernel would unpack. */
export function isCpio(head: Buffer): boolean {
  return isHeader(head) || packedBy(head) === "lz4" || packedBy(head) === "lzma" || packedBy(head) === "lzo";
}

/**
 * Reads an initramfs as the kernel does: one archive or several in a row, plain or packed in any of its codecs, the
 * entries of later ones replacing those of earlier ones. What is packed is unpacked into a file without a name in the
 * cache. Throws an `image` error where it is damaged, and a `tool` error where a codec's program is missing.
 */
export async function readCpio(path: string, ctx: CpioContext): Promise<ReadImage> {
  const files: FileHandle[] = [];
  const close = async (): Promise<void> => {
    for (const file of files.splice(0)) await file.close();
  };
  try {
    const file = await open(path);
    files.push(file);
    const tree = new CpioTree(newRoot(), new LimitCounter(path));
    const end = readArchives(file.fd, tree);
    const compression = await readPacked(path, end, { file, files, tree, ctx });
    const facts = { logicalBytes: tree.bytes, compression: compression ?? "none", inodes: tree.inodes };
    return { root: tree.root, facts, close };
  } catch (error) {
    await close();
    if (isFledgeError(error) && error.code !== "verify" && error.code !== "source") throw error;
    throw new FledgeError("image", `${path} cannot be read as cpio: ${messageOf(error)}`, { cause: error });
  }
}

type Reading = {
  readonly file: FileHandle;
  readonly files: FileHandle[];
  readonly tree: CpioTree;
  readonly ctx: CpioContext;
};

/** What follows the plain archives: one packed stream up to the end, with archives in it. */
async function readPacked(
  path: string,
  from: number,
  { file, files, tree, ctx }: Reading,
): Promise<Packed | undefined> {
  const { size } = await file.stat();
  if (from >= size) return undefined;
  const codec = packedBy(bytesAt(file.fd, from, Math.min(6, size - from)));
  if (codec === undefined) throw damaged(from, "there is no cpio header");
  const packed = fileBytes(path, ctx.signal, { start: from });
  const unpacked = await spool(unpack(packed, codec, path, ctx), ctx.cacheDir);
  files.push(unpacked);
  const end = readArchives(unpacked.fd, tree);
  if (end < (await unpacked.stat()).size) throw damaged(end, "something that is no archive follows");
  return codec;
}

function unpack(
  packed: AsyncIterable<Uint8Array>,
  codec: Packed,
  label: string,
  { env, signal }: CpioContext,
): AsyncIterable<Uint8Array> {
  if (codec !== "lz4" && codec !== "lzma" && codec !== "lzo") return decompress(packed, { label, env, signal });
  const { tool, argv } = PROGRAMS[codec];
  return pipeThrough(requireTool(tool, env), argv, packed, { env, signal });
}

function packedBy(head: Buffer): Packed | undefined {
  const codec = sniffCompression(head);
  if (codec !== "none") return codec;
  const hex = head.toString("hex");
  return (["lz4", "lzma", "lzo"] as const).find((name) => hex.startsWith(PROGRAMS[name].magic));
}

/** Reads archives until something else comes, or the end; returns where that is. Zeros may stand between them. */
function readArchives(fd: number, tree: CpioTree): number {
  let at = 0;
  for (;;) {
    at = skipZeros(fd, at);
    if (!isHeader(bytesAt(fd, at, MAGIC.length))) return at;
    at = readArchive(fd, at, tree);
    tree.endArchive();
  }
}

/** One archive; returns where it ends. */
function readArchive(fd: number, start: number, tree: CpioTree): number {
  for (let at = start; ; ) {
    const bytes = bytesAt(fd, at, HEADER_BYTES);
    if (bytes.length < HEADER_BYTES) throw damaged(at, "the archive ends too early");
    const { nameBytes, ...fields } = parseHeader(bytes, at, [MAGIC, MAGIC_WITH_SUM]);
    if (nameBytes > MAX_NAME_BYTES) throw damaged(at, `a name has ${nameBytes} bytes`);
    const name = parseName(bytesAt(fd, at + HEADER_BYTES, nameBytes), at) as ByteString;
    const data = at + HEADER_BYTES + nameBytes + padding(HEADER_BYTES + nameBytes);
    const end = data + fields.size;
    if (name === TRAILER) return end + padding(fields.size);
    if (fields.size > 0 && bytesAt(fd, end - 1, 1).length === 0) throw damaged(at, "the archive ends too early");
    tree.put({ ...fields, name }, { fd, at: data });
    at = end + padding(fields.size);
  }
}

function isHeader(head: Buffer): boolean {
  return [MAGIC, MAGIC_WITH_SUM].includes(head.toString("latin1", 0, MAGIC.length));
}

const ZERO_PIECE = 64 * 1024;

function skipZeros(fd: number, from: number): number {
  for (let at = from; ; ) {
    const bytes = bytesAt(fd, at, at === from ? 512 : ZERO_PIECE);
    const found = bytes.findIndex((byte) => byte !== 0);
    if (found >= 0) return at + found;
    if (bytes.length === 0) return at;
    at += bytes.length;
  }
}

function bytesAt(fd: number, at: number, length: number): Buffer {
  const out = Buffer.alloc(length);
  let done = 0;
  for (let count = -1; done < length && count !== 0; done += count)
    count = readSync(fd, out, done, length - done, at + done);
  return out.subarray(0, done);
}

/** The kernel's root, before anything is unpacked into it. */
function newRoot(): DirInode {
  const owner = { mode: 0o755, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 }, xattrs: NO_XATTRS };
  return { type: "dir", ...owner, children: new Map() };
}
