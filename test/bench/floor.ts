import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Measurement } from "./measure.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Files read, hashed, inflated, hashed and written, all of them at once: what fetching layers cannot do without. */
export async function floorOfLayers(blobs: readonly string[], folder: string): Promise<Measurement> {
  return timed(() =>
    Promise.all(
      blobs.map(async (blob, i) => {
        const [packed, unpacked] = [createHash("sha256"), createHash("sha256")];
        const out = await open(join(folder, `layer-${i}`), "w");
        await pipeline(
          createReadStream(blob, { highWaterMark: 65_536 }),
          async function* (chunks) {
            for await (const chunk of chunks) {
              packed.update(chunk);
              yield chunk;
            }
          },
          createGunzip({ chunkSize: 256 * 1024 }),
          async (chunks) => {
            let writing: Promise<unknown> = Promise.resolve();
            for await (const chunk of chunks) {
              unpacked.update(chunk);
              await writing;
              writing = out.write(chunk);
            }
            await writing;
          },
        );
        await out.close();
      }),
    ),
  );
}

/** Files read, hashed and written into one: what an image cannot do without. */
export async function floorOfImage(files: readonly string[], folder: string): Promise<Measurement> {
  return timed(async () => {
    const hash = createHash("sha256");
    const out = await open(join(folder, "image"), "w");
    let buffers: [Buffer, Buffer] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
    let writing: Promise<unknown> = Promise.resolve();
    for (const file of files) {
      const input = await open(file);
      for (;;) {
        const [buffer, other] = buffers;
        const { bytesRead } = await input.read(buffer, 0, CHUNK_BYTES);
        if (bytesRead === 0) break;
        await writing;
        writing = out.write(buffer, 0, bytesRead);
        hash.update(buffer.subarray(0, bytesRead));
        buffers = [other, buffer];
      }
      await input.close();
    }
    await writing;
    await out.close();
  });
}

async function timed(run: () => Promise<unknown>): Promise<Measurement> {
  const started = performance.now();
  await run();
  return { seconds: (performance.now() - started) / 1000, peakMiB: 0 };
}
