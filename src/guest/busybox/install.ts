import { statSync } from "node:fs";
import type { RootfsTree } from "../../rootfs/tree.ts";
import type { Busybox } from "./busybox.ts";

/** Where BusyBox is in the guest; init runs from it. */
export const BUSYBOX_PATH = "/bin/busybox";

/** Puts BusyBox into the tree with one symlink per applet. What a base image already has under such a name is kept. */
export function installBusybox(rootfs: RootfsTree, { path, applets }: Busybox): void {
  rootfs.rm(BUSYBOX_PATH);
  rootfs.putFile(BUSYBOX_PATH, { size: statSync(path).size, content: { kind: "file", path } }, { mode: 0o755 });
  for (const { name, dir } of applets) {
    const link = `${dir === "/" ? "" : dir}/${name}`;
    if (link === BUSYBOX_PATH || hasName(rootfs, dir, name)) continue;
    rootfs.symlink(BUSYBOX_PATH, link);
  }
}

/** A dangling symlink is a name too, which `exists` would not see. */
function hasName(rootfs: RootfsTree, dir: string, name: string): boolean {
  return rootfs.exists(dir) && rootfs.readdir(dir).includes(name);
}
