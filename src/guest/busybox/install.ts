import { statSync } from "node:fs";
import { BUSYBOX_PATH } from "../../contract/guest-paths.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import type { Busybox } from "./busybox.ts";

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
