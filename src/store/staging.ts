import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { nowMs } from "../lib/clock.ts";
import type { Disposer } from "../lib/dispose.ts";
import { isAbandoned, ownerName } from "../lib/process/owner.ts";

/** A folder of the cache, on the filesystem of what will be published from it by a rename. */
export type Staging = { readonly path: string; discard(): Promise<void> };

/** Goes with `discard`, or with the disposer; after SIGKILL with the next `removeAbandoned`. */
export async function openStaging(cacheDir: string, disposer: Disposer): Promise<Staging> {
  const path = join(stagingRoot(cacheDir), ownerName());
  await mkdir(path, { recursive: true });
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  const withdraw = disposer.defer(remove);
  return {
    path,
    discard: async () => {
      await remove();
      withdraw();
    },
  };
}

/** Removes what killed processes left; returns how many bytes that freed. */
export async function removeAbandoned(cacheDir: string): Promise<number> {
  const root = stagingRoot(cacheDir);
  let freed = 0;
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name);
    const { bytes, newestMs } = await measure(path);
    if (!isAbandoned(name, nowMs() - newestMs)) continue;
    // What another user left is theirs to remove, or the cache's owner's.
    const isGone = await rm(path, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (isGone) freed += bytes;
  }
  return freed;
}

function stagingRoot(cacheDir: string): string {
  return join(cacheDir, "staging");
}

async function measure(folder: string): Promise<{ bytes: number; newestMs: number }> {
  let bytes = 0;
  let newestMs = await stat(folder).then(
    (found) => found.mtimeMs,
    () => 0,
  );
  for (const name of await readdir(folder).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    bytes += found?.size ?? 0;
    newestMs = Math.max(newestMs, found?.mtimeMs ?? 0);
  }
  return { bytes, newestMs };
}
