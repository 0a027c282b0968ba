import { type FileHandle, open } from "node:fs/promises";
import { Ext4Reader } from "../imagers/ext4/reader/read.ts";
import { findInode, readFileIn } from "../imagers/ext4/reader/read-file.ts";
import { throwIfAborted } from "../lib/context.ts";
import { FledgeError, messageOf } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";

/** The disk of a guest that has ended, as it left it. Symbolic links are followed inside of it. */
export type GuestDisk = {
  /** The bytes of a regular file. Throws when there is none, while the guest runs, and when it left the disk mounted. */
  readFile(path: string): Buffer;
  exists(path: string): boolean;
};

/** A copy of a disk that a guest runs on. It has no name once QEMU has opened it, so that nothing is left of it. */
export class DiskCopy implements GuestDisk {
  readonly #handle: FileHandle;
  #hasEnded = false;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  readFile(path: string): Buffer {
    const bytes = readFileIn(this.#reader(), path);
    if (bytes === undefined) throw new FledgeError("io", `the guest's disk has no file ${path}`);
    return bytes;
  }

  exists(path: string): boolean {
    return findInode(this.#reader(), path) !== undefined;
  }

  /** From now on it can be read. */
  endsWith(ended: Promise<unknown>): void {
    void ended.then(() => {
      this.#hasEnded = true;
    });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #reader(): Ext4Reader {
    if (!this.#hasEnded) {
      throw new FledgeError("usage", "the guest still writes to its disk", { hint: "await powerOff() before" });
    }
    const reader = this.#openClean();
    if (reader !== undefined) return reader;
    throw new FledgeError("usage", "the guest has not unmounted its disk, so that what it wrote last is missing", {
      hint: "end it with powerOff(), or by its workload's end",
    });
  }

  /** Undefined for what was left mounted, which with a journal cannot be opened at all. */
  #openClean(): Ext4Reader | undefined {
    try {
      const reader = Ext4Reader.open(this.#handle.fd);
      return reader.superblock.isClean ? reader : undefined;
    } catch (error) {
      if (messageOf(error).includes("needs_recovery")) return undefined;
      throw error;
    }
  }
}

const CHUNK_BYTES = 1 << 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Copies a disk, holes as holes, and opens the copy. */
export async function copyDisk(from: string, to: string, signal: AbortSignal): Promise<DiskCopy> {
  try {
    const source = await open(from);
    try {
      const target = await open(to, "wx+", 0o600);
      await copyChunks(source, target, signal).catch(async (error: unknown) => {
        await target.close();
        throw error;
      });
      return new DiskCopy(target);
    } finally {
      await source.close();
    }
  } catch (error) {
    throw ioError(error, "copy", from);
  }
}

async function copyChunks(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; ; ) {
    throwIfAborted(signal);
    const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return await target.truncate(position);
    const isHole = chunk.compare(ZEROS, 0, bytesRead, 0, bytesRead) === 0;
    if (!isHole) await target.write(chunk, 0, bytesRead, position);
    position += bytesRead;
  }
}
