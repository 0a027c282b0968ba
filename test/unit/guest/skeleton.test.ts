import { expect, it } from "vitest";
import { addSkeleton, ensureConsole, INITRAMFS_FOLDERS } from "../../../src/guest/skeleton.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

it("makes what a guest needs, and keeps what is there", () => {
  const rootfs = new RootfsTree();
  rootfs.mkdir("/tmp", { mode: 0o700 });
  rootfs.mkdir("/usr/bin");
  rootfs.symlink("usr/bin", "/bin");
  addSkeleton(rootfs, INITRAMFS_FOLDERS);
  const modes = ["/proc", "/sys", "/dev", "/root", "/var", "/tmp"].map((path) => rootfs.stat(path).mode.toString(8));
  expect(modes).toEqual(["555", "555", "755", "700", "755", "700"]);
  expect(rootfs.lstat("/bin").type).toBe("symlink");
});

const console = { type: "char", major: 5, minor: 1 } as const;

it.each<[string, (rootfs: RootfsTree) => void]>([
  ["nothing", () => {}],
  ["a file", (rootfs) => rootfs.writeFile("/dev/console", "")],
  ["another device", (rootfs) => rootfs.mknod("/dev/console", { ...console, minor: 3 })],
  ["a link", (rootfs) => rootfs.symlink("tty1", "/dev/console")],
  ["a folder", (rootfs) => rootfs.writeFile("/dev/console/x", "")],
])("the console is made where there is %s", (_name, prepare) => {
  const rootfs = new RootfsTree();
  prepare(rootfs);
  ensureConsole(rootfs);
  expect(rootfs.lstat("/dev/console")).toMatchObject({ ...console, mode: 0o600 });
});

it("a console that is right is kept as it is", () => {
  const rootfs = new RootfsTree();
  rootfs.mknod("/dev/console", { ...console, mode: 0o620, gid: 5 });
  ensureConsole(rootfs);
  expect(rootfs.lstat("/dev/console")).toMatchObject({ mode: 0o620, gid: 5 });
});
