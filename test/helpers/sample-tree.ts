import { RootfsTree } from "../../src/rootfs/tree.ts";

/** One of everything that every image format of a kernel's can hold. */
export function sampleTree(): RootfsTree {
  const rootfs = new RootfsTree({ sec: 1_700_000_000, nsec: 0 });
  rootfs.chmod("/", 0o755);
  rootfs.writeFile("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  rootfs.writeFile("/etc/empty", "");
  rootfs.writeFile("/bin/su", "setuid", { mode: 0o4755 });
  rootfs.writeFile("/home/user/file", "owned", { mode: 0o640, uid: 1000, gid: 4_000_000_000 });
  rootfs.mkdir("/tmp", { mode: 0o1777 });
  rootfs.mkdir("/var/mail", { mode: 0o2775, gid: 8 });
  rootfs.symlink("../etc/passwd", "/bin/pw");
  rootfs.symlink(`/${"long/".repeat(60)}target`, "/bin/far");
  rootfs.writeFile("/data/blob", Buffer.alloc(100_001, "0123456789abcdef"));
  rootfs.link("/data/blob", "/data/again");
  rootfs.link("/data/blob", "/a-first-name");
  rootfs.link("/etc/empty", "/etc/empty2");
  rootfs.mknod("/dev/console", { type: "char", major: 5, minor: 1 });
  rootfs.mknod("/dev/big", { type: "block", major: 259, minor: 100_000, mode: 0o660, gid: 6 });
  rootfs.mknod("/run/pipe", { type: "fifo", mode: 0o600 });
  rootfs.mknod("/run/socket", { type: "socket", mode: 0o755 });
  rootfs.writeFile("/café", "utf-8");
  rootfs.writeFile(Buffer.from("2f6c6174696ee9", "hex"), "latin1");
  rootfs.writeFile("/with space\nand newline", "x");
  rootfs.writeFile("/CASE", "upper");
  rootfs.writeFile("/case", "lower");
  return rootfs;
}
