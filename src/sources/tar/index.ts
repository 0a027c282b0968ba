import type { Source } from "../../contract/source.ts";
import { hashFile } from "../../lib/files/hash-file.ts";
import type { LayerLimits } from "../../rootfs/limits.ts";
import { openLayer } from "../../store/layers.ts";
import { type LocalPath, readLocal, sizeOfFile } from "../local.ts";

/**
 * A tar of a root filesystem, plain or compressed by gzip, zstd, xz or bzip2: one layer, unpacked into the store once and
 * found there by the digest of the file. Owners, modes, times and xattrs are the archive's.
 */
export function tarSource({ reference, path }: LocalPath, limits: LayerLimits | undefined): Source {
  return {
    async pin(ctx) {
      await sizeOfFile(path);
      return { reference, digest: await hashFile(path, ctx.signal) };
    },
    async *layers(pin, ctx) {
      const size = await sizeOfFile(path);
      const digest = pin.digest ?? (await hashFile(path, ctx.signal));
      let done = 0;
      async function* open(): AsyncGenerator<Uint8Array, void, undefined> {
        for await (const chunk of readLocal(path)) {
          done += chunk.length;
          ctx.progress(done, size, path);
          yield chunk;
        }
      }
      yield await openLayer({ label: path, blob: { digest, size }, limits, open }, ctx);
    },
  };
}
