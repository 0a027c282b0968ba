import { readFile } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { decompress, sniffCompression } from "../lib/decompress.ts";
import { isFledgeError } from "../lib/errors.ts";
import { fileBytes } from "../lib/files/file-bytes.ts";
import type { Architecture, Surroundings } from "./contract.ts";
import { architectureOfElf } from "./elf.ts";
import { headOf } from "./head.ts";

/** What a kernel's image says of itself. */
export type KernelImage = {
  readonly architecture: Architecture;
  /** As `uname -r` has it. */
  readonly release?: string;
};

/** Enough for the header and the version that it points to. */
const HEAD_BYTES = 64 * 1024;

/** What a file is a kernel of; undefined for what is none. Throws an `io` error. */
export function readKernelImage(path: string): KernelImage | undefined {
  const head = unpackedHead(headOf(path, HEAD_BYTES, "name a kernel that is there with --kernel"));
  if (isBzImage(head)) {
    const release = releaseOf(head);
    return { architecture: "amd64", ...(release !== undefined && { release }) };
  }
  // Documentation/arch/arm64/booting.rst: a magic at 56. Its version is in the file's name at most.
  if (head.toString("latin1", 56, 60) === "ARM\x64") {
    const [, release] = /vmlinuz-(.+)$/.exec(path) ?? [];
    return { architecture: "arm64", ...(release !== undefined && { release }) };
  }
  const architecture = architectureOfElf(head);
  return architecture === undefined ? undefined : { architecture };
}

/**
 * The configuration that a kernel has in itself (CONFIG_IKCONFIG, kernel/configs.c): between two marks, by gzip.
 * Undefined where it has none, and where it is packed by what cannot be unpacked here.
 */
export async function configInside(path: string, around: Surroundings): Promise<string | undefined> {
  const image = await readFile(path).catch(() => Buffer.alloc(0));
  return configIn(image) ?? configIn(await unpackedImage(path, image, around));
}

function configIn(image: Buffer): string | undefined {
  const start = image.indexOf("IKCFG_ST");
  const end = image.indexOf("IKCFG_ED", start);
  if (start < 0 || end < 0) return undefined;
  try {
    return gunzipSync(image.subarray(start + 8, end)).toString();
  } catch {
    return undefined; // the marks alone are in the program that reads it
  }
}

/** What a bzImage carries (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length), or a file by gzip. */
async function unpackedImage(path: string, image: Buffer, around: Surroundings): Promise<Buffer> {
  if (isGzip(image)) return await unpacked(path, 0, image.length, around);
  if (!isBzImage(image)) return Buffer.alloc(0);
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  // All codecs but gzip have the unpacked size behind them.
  const end = start + image.readUInt32LE(0x24c) - (isGzip(image.subarray(start)) ? 0 : 4);
  return await unpacked(path, start, end, around);
}

async function unpacked(path: string, start: number, end: number, { env, signal }: Surroundings): Promise<Buffer> {
  if (end <= start) return Buffer.alloc(0); // a header without a payload
  const parts: Uint8Array[] = [];
  const stream = fileBytes(path, signal, { start, end });
  try {
    for await (const part of decompress(stream, { label: path, env, signal })) parts.push(part);
  } catch (error) {
    if (isFledgeError(error) && error.code === "aborted") throw error;
    return Buffer.alloc(0);
  }
  return Buffer.concat(parts);
}

/** Kernels for arm64 are often packed as a whole. */
function unpackedHead(head: Buffer): Buffer {
  return isGzip(head) ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : head;
}

function isGzip(bytes: Buffer): boolean {
  return sniffCompression(bytes) === "gzip";
}

function isBzImage(head: Buffer): boolean {
  return head.length >= 0x250 && head.toString("latin1", 0x202, 0x206) === "HdrS";
}

/** "HdrS" at 0x202, at 0x20e where the version is, less 0x200. */
function releaseOf(head: Buffer): string | undefined {
  const start = head.readUInt16LE(0x20e) + 0x200;
  return /^[^\s\0]+/.exec(head.toString("latin1", start, start + 256))?.[0];
}
