import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip, gzipSync } from "node:zlib";
import { hexOf } from "../../src/lib/digest.ts";
import { openSource } from "../../src/sources/index.ts";
import { makeImage, writeImages } from "../helpers/images.ts";
import { pullContext } from "../helpers/pull-context.ts";
import { tar } from "../helpers/tar-writer.ts";
import { ratio } from "./history.ts";
import { inTempDir } from "./measure.ts";

const LAYERS = 4;
const FILES = 3000;

/** Layers into the store (check, unpack, check, index, write), against doing only the unavoidable part of it. */
export async function benchStore(): Promise<void> {
  await inTempDir(async (folder) => {
    const archives = Array.from({ length: LAYERS }, (_, layer) => makeArchive(layer));
    const megabytes = archives.reduce((sum, { length }) => sum + length, 0) / 1e6;
    const image = makeImage({ layers: archives, compress: (archive) => gzipSync(archive, { level: 6 }) });
    const layout = join(folder, "layout");
    writeImages(layout, [{ image }]);
    const blobs = image.layers.map(({ digest }) => join(layout, "blobs/sha256", hexOf(digest)));
    console.log(`store: ${LAYERS} layers, ${megabytes.toFixed(0)} MB unpacked, ${LAYERS * FILES} files`);
    const report = (name: string, seconds: number): void => {
      console.log(`  ${name.padEnd(36)} ${seconds.toFixed(3)} s  ${(megabytes / seconds).toFixed(0)} MB/s`);
    };
    const cacheDir = join(folder, "cache");
    const floor = await timed(() => Promise.all(blobs.map(unavoidable)));
    report("read, hash, inflate, hash, write", floor);
    const ours = await timed(() => fetch(layout, cacheDir));
    report("layers into the store", ours);
    console.log(`  ${ratio("store: into the store / floor", ours / floor)} times its floor`);
    report("layers out of the store", await timed(() => fetch(layout, cacheDir)));
  });
}

/** Files of 10 kB that compress to about a third, as programs do. */
function makeArchive(layer: number): Buffer {
  const words = Array.from({ length: 500 }, (_, i) =>
    createHash("sha256").update(`${layer}/${i}`).digest("hex").slice(0, 20),
  );
  return tar(
    ...Array.from({ length: FILES }, (_, file) => ({
      name: `layer-${layer}/file-${file}`,
      data: Array.from({ length: 500 }, (_, at) => words[(at * (file + 7) + ((at * at) >> 3)) % words.length]).join(""),
    })),
  );
}

async function unavoidable(path: string): Promise<void> {
  const [packed, unpacked] = [createHash("sha256"), createHash("sha256")];
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(path)) {
      packed.update(chunk);
      yield chunk;
    }
  }
  Readable.from(hashed()).pipe(gunzip);
  const out = await open(`${path}.out`, "w");
  for await (const chunk of gunzip) {
    unpacked.update(chunk);
    await out.write(chunk);
  }
  await out.close();
}

async function fetch(layout: string, cacheDir: string): Promise<void> {
  const ctx = pullContext({}, cacheDir);
  const source = openSource({ layout, platform: "amd64" });
  for await (const layer of source.layers(await source.pin(ctx), ctx)) void layer.entries();
  await ctx.disposer.dispose();
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}
