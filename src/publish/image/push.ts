import { createHash } from "node:crypto";
import { openImage } from "../../inspect/open.ts";
import { originsOf } from "../../inspect/why.ts";
import { type RunContext, throwIfAborted } from "../../lib/context.ts";
import { digestOf } from "../../lib/digest.ts";
import { spool } from "../../lib/files/spool.ts";
import { pgzip } from "../../lib/pgzip.ts";
import type { Uploads } from "../../registry/upload.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import type { Built } from "../built.ts";
import { imageManifest, type Layer } from "../format.ts";
import { readAt } from "../pieces.ts";
import { inMemory, type Progress } from "../progress.ts";
import { type ConfiguredLayer, imageConfigOf } from "./config.ts";
import { type LayerTree, layersOf } from "./layers.ts";

const LEVEL = 6;

/** Pushes the tree of a build as a container image, and returns its manifest, which the caller puts. */
export async function pushImage(
  { plugin, result }: Built,
  uploads: Uploads,
  progress: Progress,
  ctx: RunContext,
): Promise<Buffer> {
  const { env, signal, cacheDir } = ctx;
  const reader = await openImage(result.artifact.path, { env, signal, cacheDir, onWarning: ctx.warn });
  try {
    const cut = layersOf(reader.tree, await originsOf(reader, { env, signal, cacheDir }));
    const layers: (Omit<Layer, "title"> & ConfiguredLayer)[] = [];
    for (const layer of cut) layers.push(await pushLayer(layer, uploads, progress, ctx));
    const config = imageConfigOf(plugin, result.manifest?.document.workload, layers);
    await progress.put(uploads, inMemory(config), 0);
    return imageManifest(config, layers);
  } finally {
    await reader.close();
  }
}

async function pushLayer({ tree, createdBy }: LayerTree, uploads: Uploads, progress: Progress, ctx: RunContext) {
  const [plain, whole] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  async function* packed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of pgzip(hashed(writeTar(tree, ctx), plain), { level: LEVEL })) {
      throwIfAborted(ctx.signal);
      whole.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const file = await spool(packed(), ctx.cacheDir);
  try {
    const [diffId, digest] = [digestOf(plain), digestOf(whole)];
    const read = (at: number, length: number): Promise<Buffer> => readAt(file, at, length);
    await progress.put(uploads, { digest, size, read }, tree.contentBytes);
    const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
    return { mediaType, digest, size, diffId, createdBy };
  } finally {
    await file.close();
  }
}

async function* hashed(chunks: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}
