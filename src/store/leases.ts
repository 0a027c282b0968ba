import { chmod, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../lib/digest.ts";
import type { Disposer } from "../lib/dispose.ts";
import { isLeftover, ownerName } from "../lib/process/owner.ts";

/** As /tmp: everybody may say what they read, and nobody may take that from another. */
const FOR_EVERYBODY = 0o1777;

/**
 * Says that a running build reads a layer or a blob: an empty file `HEX.OWNER` that goes with the build. `prune` leaves
 * those alone, since images are written from them long after they were opened. Taken before they are looked for.
 */
export async function takeLease(cacheDir: string, digest: Digest, disposer: Disposer): Promise<void> {
  const path = join(leaseFolder(cacheDir), `${hexOf(digest)}.${ownerName()}`);
  try {
    await openToAll(leaseFolder(cacheDir));
    await writeFile(path, "");
  } catch {
    return; // On a read-only file system nobody can remove anything either.
  }
  disposer.defer(() => rm(path, { force: true }));
}

/** Whether a running build reads a layer or a blob. Leases of killed builds are removed on the way. */
export async function isLeased(cacheDir: string, digest: Digest): Promise<boolean> {
  const folder = leaseFolder(cacheDir);
  let isInUse = false;
  for (const name of await readdir(folder).catch(() => [])) {
    const [hex = "", owner = ""] = name.split(".");
    const path = join(folder, name);
    if (await isLeftover(path, owner))
      await rm(path, { force: true }).catch(() => {}); // Another user's: theirs to remove.
    else if (hex === hexOf(digest)) isInUse = true;
  }
  return isInUse;
}

/** Builds of other users may read this cache without writing to it: `prune` must know of them all the same. */
async function openToAll(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { mode, uid } = await stat(folder);
  if ((mode & 0o7777) !== FOR_EVERYBODY && uid === process.geteuid?.()) await chmod(folder, FOR_EVERYBODY);
}

function leaseFolder(cacheDir: string): string {
  return join(cacheDir, "leases");
}
