import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Disposer } from "../lib/dispose.ts";
import { isAbandoned, ownerName } from "./owner.ts";

/**
 * Says that a running build reads a layer: an empty file `HEX.OWNER` that goes with the build. `prune` leaves such layers
 * alone, since images are written from them long after they were opened. Taken before the layer is looked for.
 */
export async function takeLease(cacheDir: string, hex: string, disposer: Disposer): Promise<void> {
  const folder = leaseFolder(cacheDir);
  const path = join(folder, `${hex}.${ownerName()}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, "");
  } catch {
    return; // A read-only cache is not pruned either.
  }
  disposer.defer(() => rm(path, { force: true }));
}

/** The hex digests of the layers that running builds read. Leases of killed builds are removed on the way. */
export async function leasedLayers(cacheDir: string, nowMs: number): Promise<Set<string>> {
  const folder = leaseFolder(cacheDir);
  const leased = new Set<string>();
  for (const name of await readdir(folder).catch(() => [])) {
    const [hex = "", owner = ""] = name.split(".");
    const path = join(folder, name);
    const ageMs = await stat(path).then(
      (found) => nowMs - found.mtimeMs,
      () => 0,
    );
    if (isAbandoned(owner, ageMs)) await rm(path, { force: true });
    else leased.add(hex);
  }
  return leased;
}

function leaseFolder(cacheDir: string): string {
  return join(cacheDir, "leases");
}
