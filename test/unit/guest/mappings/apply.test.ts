import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { applyMappings } from "../../../../src/guest/mappings/apply.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

function hostFolder(): string {
  const folder = tempDir();
  mkdirSync(join(folder, "tree/bin"), { recursive: true });
  writeFileSync(join(folder, "tree/bin/app"), "app", { mode: 0o600 });
  writeFileSync(join(folder, "tree/app.conf"), "conf", { mode: 0o666 });
  writeFileSync(join(folder, "tree/run"), "run");
  chmodSync(join(folder, "tree/run"), 0o700);
  symlinkSync("app.conf", join(folder, "tree/link"));
  return folder;
}

it("copies folders and files with the modes of their places", () => {
  const folder = hostFolder();
  const rootfs = new RootfsTree();
  applyMappings(rootfs, [
    { from: join(folder, "tree"), to: "/usr", key: 'mappings["tree"]' },
    { from: join(folder, "tree/app.conf"), to: "/etc/", key: "b" },
  ]);
  const modes = ["/usr/bin/app", "/usr/app.conf", "/usr/run", "/etc/app.conf"].map((path) => rootfs.stat(path).mode);
  expect(modes).toEqual([0o755, 0o644, 0o755, 0o644]);
  expect(rootfs.lstat("/usr/link").type).toBe("symlink");
  expect(rootfs.stat("/usr/bin/app")).toMatchObject({ uid: 0, gid: 0 });
});

it("gives mode and owner where they are asked for; folders keep a mode that one can enter", () => {
  const folder = hostFolder();
  const rootfs = new RootfsTree();
  applyMappings(rootfs, [{ from: join(folder, "tree"), to: "/srv", key: "a", mode: 0o600, uid: 7, gid: 8 }]);
  expect(rootfs.stat("/srv/bin/app")).toMatchObject({ mode: 0o600, uid: 7, gid: 8 });
  expect(rootfs.stat("/srv/bin")).toMatchObject({ mode: 0o755, uid: 7, gid: 8 });
});

it("leaves directories that the guest has as they are", () => {
  const folder = hostFolder();
  const rootfs = new RootfsTree();
  rootfs.mkdir("/usr/bin", { mode: 0o2711, uid: 3 });
  const usr = rootfs.stat("/usr");
  applyMappings(rootfs, [{ from: join(folder, "tree"), to: "/usr/", key: "a", mode: 0o600, uid: 7, gid: 8 }]);
  expect(rootfs.stat("/usr")).toEqual(usr);
  expect(rootfs.stat("/usr/bin")).toMatchObject({ mode: 0o2711, uid: 3, gid: 0 });
  expect(rootfs.stat("/usr/bin/app")).toMatchObject({ mode: 0o600, uid: 7, gid: 8 });
});

it("a later mapping replaces a file, and does not write through a link", () => {
  const folder = hostFolder();
  const rootfs = new RootfsTree();
  rootfs.writeFile("/bin/busybox", "box");
  rootfs.symlink("/bin/busybox", "/bin/sh");
  applyMappings(rootfs, [{ from: join(folder, "tree/run"), to: "/bin/sh", key: "a" }]);
  expect([rootfs.readFile("/bin/sh").toString(), rootfs.readFile("/bin/busybox").toString()]).toEqual(["run", "box"]);
});

it("names the key of a source that is missing", () => {
  expect(() => applyMappings(new RootfsTree(), [{ from: "/nonexistent/x", to: "/x", key: 'mappings["./x"]' }])).toThrow(
    expect.objectContaining({
      code: "config",
      message: 'mappings["./x"]: /nonexistent/x does not exist',
      hint: "paths on the left of a mapping are relative to the folder of the config that holds it",
    }),
  );
});
