import { open } from "node:fs/promises";
import { isCpio } from "../imagers/cpio/tree.ts";
import type { RunContext } from "../lib/context.ts";
import { decompress, sniffCompression } from "../lib/decompress.ts";
import { FledgeError } from "../lib/errors.ts";
import { fileBytes } from "../lib/files/file-bytes.ts";
import { ioError } from "../lib/files/io-error.ts";
import { decodeHeader } from "../rootfs/tar/header.ts";

const EXT4_MAGIC_AT = 1080;
const EXT4_MAGIC = 0xef53;
const HEAD_BYTES = 2048;
const TAR_BLOCK_BYTES = 512;
const MAX_END_BYTES = 20 * TAR_BLOCK_BYTES;
const BTRFS_MAGIC_AT = 65_536 + 64;

/** What a file is, by its magic; `isPacked` a tar that has to be unpacked first. */
export type FileFormat =
  | { readonly format: "ext4" | "squashfs" | "cpio" }
  | { readonly format: "tar"; readonly isPacked: boolean };

/** Looks at the first bytes of a file, unpacked where they are packed. Throws an `image` error for what is not read. */
export async function formatOf(path: string, ctx: Pick<RunContext, "signal" | "env">): Promise<FileFormat> {
  const head = await bytesOf(path, 0, HEAD_BYTES);
  if (head.length >= EXT4_MAGIC_AT + 2 && head.readUInt16LE(EXT4_MAGIC_AT) === EXT4_MAGIC) return { format: "ext4" };
  if (head.toString("latin1", 0, 4) === "hsqs") return { format: "squashfs" };
  if (isCpio(head)) return { format: "cpio" };
  if (isTar(head) || (await isEmptyTar(path))) return { format: "tar", isPacked: false };
  if (sniffCompression(head) !== "none") {
    const inside = await unpackedHead(path, ctx);
    if (isCpio(inside)) return { format: "cpio" };
    if (isTar(inside) || isEnd(inside)) return { format: "tar", isPacked: true };
  }
  throw new FledgeError("image", `${path} is ${await nameOfOther(path, head)}`, {
    hint: "fledge looks into ext4, squashfs, cpio and tar, packed ones too, and into images and folders",
  });
}

async function nameOfOther(path: string, head: Buffer): Promise<string> {
  if (head.length === 0) return "empty";
  if (head.toString("latin1", 0, 4) === "XFSB") return "an xfs, which only a mount can read";
  const btrfs = await bytesOf(path, BTRFS_MAGIC_AT, 8);
  if (btrfs.toString("latin1") === "_BHRfS_M") return "a btrfs, which only a mount can read";
  return "no image of a format that fledge knows";
}

function isTar(head: Buffer): boolean {
  return head.length >= TAR_BLOCK_BYTES && decodeHeader(head.subarray(0, TAR_BLOCK_BYTES)) !== undefined;
}

/** Nothing but its end, which GNU tar fills up to twenty blocks. A longer file of zeros is a disk that nobody has made yet. */
async function isEmptyTar(path: string): Promise<boolean> {
  return isEnd(await bytesOf(path, 0, MAX_END_BYTES + 1));
}

function isEnd(bytes: Buffer): boolean {
  const isSize = bytes.length >= 2 * TAR_BLOCK_BYTES && bytes.length <= MAX_END_BYTES;
  return isSize && bytes.length % TAR_BLOCK_BYTES === 0 && bytes.every((byte) => byte === 0);
}

async function bytesOf(path: string, at: number, length: number): Promise<Buffer> {
  const file = await open(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function unpackedHead(path: string, { env, signal }: Pick<RunContext, "signal" | "env">): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of decompress(fileBytes(path, signal), { label: path, env, signal })) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= TAR_BLOCK_BYTES) break;
  }
  return Buffer.concat(parts);
}
