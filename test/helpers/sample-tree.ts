import { RootfsTree } from "../../src/rootfs/tree.ts";

/** Puts one of everything that every image format of a kernel's can hold below a folder. */
export function fillSample(rootfs: RootfsTree, at = ""): void {
  const bytes = (hex: string): Buffer => Buffer.concat([Buffer.from(`${at}/`), Buffer.from(hex, "hex")]);
  rootfs.writeFile(`${at}/etc/passwd`, "root:x:0:0::/:/bin/sh\n");
  rootfs.writeFile(`${at}/etc/empty`, "");
  rootfs.writeFile(`${at}/bin/su`, "setuid", { mode: 0o4755 });
  rootfs.writeFile(`${at}/home/user/file`, "owned", { mode: 0o640, uid: 1000, gid: 4_000_000_000 });
  rootfs.mkdir(`${at}/tmp`, { mode: 0o1777 });
  rootfs.mkdir(`${at}/var/mail`, { mode: 0o2775, gid: 8 });
  rootfs.symlink("../etc/passwd", `${at}/bin/pw`);
  rootfs.symlink(`/${"long/".repeat(60)}target`, `${at}/bin/far`);
  rootfs.writeFile(`${at}/data/blob`, Buffer.alloc(100_001, "0123456789abcdef"));
  rootfs.link(`${at}/data/blob`, `${at}/data/again`);
  rootfs.link(`${at}/data/blob`, `${at}/a-first-name`);
  rootfs.link(`${at}/etc/empty`, `${at}/etc/empty2`);
  rootfs.mknod(`${at}/dev/console`, { type: "char", major: 5, minor: 1 });
  rootfs.mknod(`${at}/dev/big`, { type: "block", major: 259, minor: 100_000, mode: 0o660, gid: 6 });
  rootfs.mknod(`${at}/run/pipe`, { type: "fifo", mode: 0o600 });
  rootfs.mknod(`${at}/run/socket`, { type: "socket", mode: 0o755 });
  rootfs.writeFile(`${at}/café`, "utf-8");
  rootfs.writeFile(bytes("6c6174696ee9"), "latin1");
  rootfs.writeFile(`${at}/with space\nand newline`, "x");
  rootfs.writeFile(`${at}/CASE`, "upper");
  rootfs.writeFile(`${at}/case`, "lower");
}

export function sampleTree(): RootfsTree {
  const rootfs = new RootfsTree({ sec: 1_700_000_000, nsec: 0 });
  fillSample(rootfs);
  return rootfs;
}
