import { expect, test } from "vitest";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

function tree(): RootfsTree {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/usr/bin/sh", "shell");
  rootfs.symlink("usr/bin", "/bin");
  rootfs.symlink("/usr", "/abs");
  rootfs.symlink("../../../..", "/usr/up");
  rootfs.symlink("/", "/slash");
  rootfs.symlink("loop-b", "/loop-a");
  rootfs.symlink("loop-a", "/loop-b");
  return rootfs;
}

test.each([
  ["a relative symlink on the way", "/bin/sh"],
  ["an absolute symlink on the way", "/abs/bin/sh"],
  ["two symlinks", "/abs/../bin/sh"],
  ["dots and double slashes", "//usr/./bin//sh"],
  [".. above the root", "/../../usr/bin/sh"],
  ["a symlink that climbs above the root", "/usr/up/usr/bin/sh"],
  ["a symlink to the root", "/slash/slash/usr/bin/sh"],
  [".. after a symlink is the parent of where it leads", "/bin/../bin/sh"],
])("%s is resolved inside the guest", (_, path) => {
  expect(tree().readFile(path).toString()).toBe("shell");
});

test("a loop of symlinks is an error that names the path", () => {
  expect(() => tree().readFile("/loop-a/x")).toThrow(/\/loop-a\/x: more than 40 symbolic links/);
});

test("a file on the way is an error that names it", () => {
  expect(() => tree().readFile("/usr/bin/sh/x")).toThrow(/"sh" on the way is not a directory/);
});

test("a missing directory on the way is nothing, not an error", () => {
  expect(tree().exists("/no/such/thing")).toBe(false);
});

test("writing through a dangling symlink makes what it points to", () => {
  const rootfs = tree();
  rootfs.symlink("/run/systemd/resolve/stub", "/etc-resolv");
  rootfs.writeFile("/etc-resolv", "nameserver");
  expect(rootfs.lstat("/run/systemd/resolve/stub").type).toBe("file");
  expect(rootfs.lstat("/etc-resolv").type).toBe("symlink");
});

test("the root itself cannot be replaced or removed", () => {
  const rootfs = tree();
  expect(() => rootfs.rm("/")).toThrow(/cannot be removed/);
  expect(() => rootfs.rm("/usr/..")).toThrow(/cannot be removed/);
  expect(() => rootfs.writeFile("/slash", "x")).toThrow(/is a dir, not a regular file/);
});
