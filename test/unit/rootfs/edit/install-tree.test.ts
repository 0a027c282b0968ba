import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { installTree } from "../../../../src/rootfs/edit/install-tree.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

function folder(): string {
  const path = tempDir();
  mkdirSync(join(path, "conf.d"), { mode: 0o700 });
  writeFileSync(join(path, "conf.d/a.conf"), "a");
  writeFileSync(join(path, "run"), "#!/bin/sh\n");
  chmodSync(join(path, "run"), 0o711);
  symlinkSync("conf.d/a.conf", join(path, "link"));
  return path;
}

const modes = (rootfs: RootfsTree): string[] =>
  [...rootfs.walk()].map(({ path, mode, uid, gid }) => `${path} ${mode.toString(8)} ${uid}:${gid}`);

it("gives owner and modes, whatever the host's are", () => {
  const rootfs = new RootfsTree();
  installTree(rootfs, folder(), "/srv/app", { uid: 7, gid: 8, fileMode: 0o640, dirMode: 0o2750 });
  expect(modes(rootfs)).toEqual([
    "/srv 755 0:0",
    "/srv/app 2750 7:8",
    "/srv/app/conf.d 2750 7:8",
    "/srv/app/conf.d/a.conf 640 7:8",
    "/srv/app/link 777 0:0",
    "/srv/app/run 750 7:8",
  ]);
});

it("keeps the folders that are there, and replaces files", () => {
  const rootfs = new RootfsTree();
  rootfs.mkdir("/tmp", { mode: 0o1777 });
  rootfs.mkdir("/tmp/conf.d", { mode: 0o700, uid: 5, gid: 6 });
  rootfs.writeFile("/tmp/run", "old", { mode: 0o600 });
  installTree(rootfs, folder(), "/tmp", { uid: 7 });
  expect(modes(rootfs)).toEqual([
    "/tmp 1777 0:0",
    "/tmp/conf.d 700 5:6",
    "/tmp/conf.d/a.conf 644 7:0",
    "/tmp/link 777 0:0",
    "/tmp/run 755 7:0",
  ]);
  installTree(rootfs, folder(), "/", { uid: 9 });
  expect(rootfs.stat("/")).toMatchObject({ mode: 0o755, uid: 0 });
});

it("is for folders", () => {
  const file = join(folder(), "run");
  expect(() => installTree(new RootfsTree(), file, "/x")).toThrow(`cannot install ${file}: it is not a folder`);
  expect(() => installTree(new RootfsTree(), "/nonexistent", "/x")).toThrow(
    "cannot read /nonexistent: no such file or folder",
  );
});
