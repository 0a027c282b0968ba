import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw, type ZlibOptions } from "node:zlib";

/** How far back deflate can refer (RFC 1951). */
const WINDOW_BYTES = 32 * 1024;

// RFC 1952: magic, deflate, no flags, mtime 0, no extra flags, OS 255 (unknown): nothing of the host.
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/** An empty last deflate block; every block before it ends on a byte boundary (sync flush). */
const LAST_BLOCK = Buffer.from([0x03, 0x00]);

const deflate = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

/**
 * Compresses blocks side by side on libuv's threads into one gzip member, as pigz does: each has the 32 KiB before
 * it as dictionary. The bytes depend on the blocks and the level, not on the number of threads. One member, because
 * the kernel takes what follows the first for junk (init/initramfs.c).
 */
export async function* pgzip(
  blocks: AsyncIterable<Uint8Array>,
  { level }: { level: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const ahead = availableParallelism() + 1;
  const queue: Promise<Buffer>[] = [];
  let previous: Uint8Array | undefined;
  let checksum = 0;
  let size = 0;

  yield GZIP_HEADER;
  try {
    for await (const block of blocks) {
      const dictionary = previous?.subarray(Math.max(0, previous.length - WINDOW_BYTES));
      const options = { level, memLevel: 9, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 256 * 1024 };
      const deflated = deflate(block, dictionary === undefined ? options : { ...options, dictionary });
      deflated.catch(() => {}); // it is waited for in its turn, which may be after it has failed
      queue.push(deflated);
      checksum = crc32(block, checksum);
      size += block.length;
      previous = block;
      if (queue.length >= ahead) yield await (queue.shift() as Promise<Buffer>);
    }
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield await next;
  } finally {
    await Promise.allSettled(queue); // after a failure nothing may still be running
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([LAST_BLOCK, trailer]);
}
