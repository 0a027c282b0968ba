import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { BUSYBOX_PATH } from "../../contract/guest-paths.ts";
import type { Lockable } from "../../contract/lock.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { readElf } from "../../rootfs/elf.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import {
  type FetchContext,
  type FetchRequest,
  fetchFile,
  lockablesOfUrl,
  lockedRequest,
  shownPlace,
} from "../fetch.ts";
import { type Applet, readApplets } from "./applets.ts";
import { type BusyboxOptions, DEFAULT_BUSYBOX } from "./options.ts";

const DEBIAN_BUSYBOX = 'sudo apt-get install -y busybox-static, then busybox.path = "/bin/busybox"';

/** A BusyBox binary on the host, and what it offers. */
export type Busybox = { readonly path: string; readonly digest: Digest; readonly applets: readonly Applet[] };

/** Fetches BusyBox and reads its applets. Throws when it is not a static BusyBox. */
export async function fetchBusybox(options: BusyboxOptions, ctx: FetchContext): Promise<Busybox> {
  const { from, ...request } = requestOf(options);
  const { path, digest } = await fetchFile(ctx, lockedRequest("busybox", { from, ...request }, ctx.locks));

  const binary = await readFile(path);
  const elf = readElf((offset, length) => binary.subarray(offset, offset + length));
  if (elf === undefined) throw unusable(shownPlace(from), "is not a program");
  if (elf.interpreter !== undefined)
    throw unusable(shownPlace(from), `is dynamically linked (it needs ${elf.interpreter})`);
  const table = readApplets(binary);
  if (table === undefined) throw unusable(shownPlace(from), "has no table of applets");
  if (!table.areLocated) ctx.log("this BusyBox does not say where its applets belong; all are linked in /bin");
  ctx.log(`BusyBox ${digest} offers ${table.applets.length} applets`);
  return { path, digest, applets: table.applets };
}

/** What a lock can hold of it. */
export function busyboxLockables(options: BusyboxOptions): Lockable[] {
  return lockablesOfUrl("busybox", requestOf(options));
}

function requestOf(options: BusyboxOptions): FetchRequest {
  const from = "url" in options ? options.url : options.path;
  return {
    from,
    checksum: options.sha256 ?? (from === DEFAULT_BUSYBOX.url ? DEFAULT_BUSYBOX.sha256 : undefined),
    what: "BusyBox",
    instead: `${DEBIAN_BUSYBOX} is one of this machine`,
    key: "url" in options ? "busybox.url" : "busybox.path",
    checksumKey: "busybox.sha256",
  };
}

function unusable(from: string, why: string): FledgeError {
  return new FledgeError("config", `${from} cannot be the guest's BusyBox: it ${why}`, {
    hint: `a static one is needed: ${DEBIAN_BUSYBOX}`,
  });
}

/** Puts BusyBox into the tree with one symlink per applet. What a base image already has under such a name is kept. */
export function installBusybox(rootfs: RootfsTree, { path, applets }: Busybox): void {
  rootfs.rm(BUSYBOX_PATH);
  rootfs.putFile(BUSYBOX_PATH, { size: statSync(path).size, content: { kind: "file", path } }, { mode: 0o755 });
  const taken = new Map<string, Set<string>>();
  for (const { name, dir } of applets) {
    let names = taken.get(dir);
    if (names === undefined) {
      // Once for each folder, since a base image may have thousands of programs in one.
      names = new Set(rootfs.exists(dir) ? rootfs.readdir(dir) : []);
      taken.set(dir, names);
    }
    // A name that is there need not exist(): it may be a dangling symlink.
    if (names.has(name)) continue;
    rootfs.symlink(BUSYBOX_PATH, `${dir === "/" ? "" : dir}/${name}`);
  }
}
