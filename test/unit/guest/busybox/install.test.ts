import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { installBusybox } from "../../../../src/guest/busybox/busybox.ts";
import { sha256 } from "../../../../src/lib/digest.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

function installed(prepare: (rootfs: RootfsTree) => void = () => {}): RootfsTree {
  const path = join(tempDir(), "box");
  writeFileSync(path, "box");
  const rootfs = new RootfsTree();
  prepare(rootfs);
  const applets = [
    { name: "busybox", dir: "/bin" },
    { name: "sh", dir: "/bin" },
    { name: "init", dir: "/sbin" },
    { name: "linuxrc", dir: "/" },
    { name: "wget", dir: "/usr/bin" },
  ] as const;
  installBusybox(rootfs, { path, digest: sha256("box"), applets });
  return rootfs;
}

it("places the program and a link for each applet", () => {
  const rootfs = installed();
  expect(rootfs.lstat("/bin/busybox")).toMatchObject({ type: "file", mode: 0o755, size: 3 });
  for (const path of ["/bin/sh", "/sbin/init", "/linuxrc", "/usr/bin/wget"]) {
    expect(rootfs.lstat(path).type).toBe("symlink");
    expect(rootfs.readFile(path).toString()).toBe("box");
  }
});

it("keeps what a base has by such a name, a dangling link too", () => {
  const rootfs = installed((base) => {
    base.writeFile("/bin/sh", "bash");
    base.symlink("/lib/systemd/systemd", "/sbin/init");
  });
  expect(rootfs.readFile("/bin/sh").toString()).toBe("bash");
  expect(rootfs.exists("/sbin/init")).toBe(false);
});

it("replaces a BusyBox that is there, and does not write through a link", () => {
  const rootfs = installed((base) => {
    base.writeFile("/usr/bin/toybox", "toy");
    base.symlink("/usr/bin/toybox", "/bin/busybox");
  });
  expect(rootfs.lstat("/bin/busybox").type).toBe("file");
  expect(rootfs.readFile("/usr/bin/toybox").toString()).toBe("toy");
  expect(installed((base) => base.symlink("/nowhere", "/bin/busybox")).lstat("/bin/busybox").type).toBe("file");
});

it("follows a /bin that is a link, as merged systems have it", () => {
  const rootfs = installed((base) => {
    base.mkdir("/usr/bin");
    base.symlink("usr/bin", "/bin");
  });
  expect(rootfs.readdir("/usr/bin")).toEqual(["busybox", "sh", "wget"]);
});

it("lists each folder once, however many applets go into it", () => {
  const listed: unknown[] = [];
  class CountingTree extends RootfsTree {
    override readdir(path: string): string[] {
      listed.push(path);
      return super.readdir(path);
    }
  }
  const path = join(tempDir(), "box");
  writeFileSync(path, "box");
  const applets = Array.from({ length: 300 }, (_, index) => ({ name: `applet-${index}`, dir: "/usr/bin" as const }));
  const rootfs = new CountingTree();
  rootfs.mkdir("/usr/bin");
  installBusybox(rootfs, { path, digest: sha256("box"), applets });
  expect(listed).toEqual(["/usr/bin"]);
});
