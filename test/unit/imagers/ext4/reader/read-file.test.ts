import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Ext4Reader } from "../../../../../src/imagers/ext4/reader/read.ts";
import { readFileIn } from "../../../../../src/imagers/ext4/reader/read-file.ts";
import { sealTree } from "../../../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../../../src/rootfs/tree.ts";
import { run, withMount } from "../../../../helpers/disk.ts";
import { ext4Options, withImage } from "../../../../helpers/ext4.ts";
import { describeWith, requireRoot, requireTools } from "../../../../helpers/requirements.ts";

function tree(): RootfsTree {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/etc/name", "mini\n");
  rootfs.writeFile("/big", Buffer.alloc(20_000, "abc"));
  rootfs.symlink("../etc/./name", "/bin/short");
  rootfs.symlink(`/${"bin/../".repeat(20)}etc/name`, "/bin/long");
  rootfs.symlink("loop", "/loop");
  rootfs.writeFile("/ö", "utf-8");
  return rootfs;
}

describeWith("files of an image", [requireTools("e2fsck")], () => {
  test("are found by their paths, links followed", async () => {
    await withImage(sealTree(tree().root), ext4Options(), (image) => {
      const reader = Ext4Reader.open(image);
      const textOf = (path: string) => readFileIn(reader, path)?.toString();
      expect(["/etc/name", "etc//name", "/bin/short", "/bin/long", "/../etc/name"].map(textOf)).toEqual(
        Array(5).fill("mini\n"),
      );
      expect(textOf("/big")).toBe("abc".repeat(6667).slice(0, 20_000));
      expect(textOf("/ö")).toBe("utf-8");
      expect(["/etc", "/nothing", "/etc/name/x"].map(textOf)).toEqual([undefined, undefined, undefined]);
      expect(() => textOf("/loop")).toThrow("too many symbolic links");
      expect(reader.superblock.isClean).toBe(true);
      reader.close();
    });
  });
});

describeWith("files that a kernel has written", [requireTools("e2fsck", "mount"), requireRoot()], () => {
  test("are read, holes as zeros; a disk that is mounted is refused", async () => {
    await withImage(sealTree(tree().root), ext4Options({ headroomBytes: 8 << 20 }), async (image) => {
      await withMount(image, "rw", (at) => {
        run("mkdir", ["-p", join(at, "a/b")]);
        writeFileSync(join(at, "a/b/new"), "new\n");
        for (let i = 0; i < 300; i++) writeFileSync(join(at, "a", `a-long-name-of-a-file-${i}`), String(i));
        run("dd", ["if=/etc/hostname", `of=${join(at, "sparse")}`, "seek=100"]);
        run("sync", ["-f", at]);
        expect(() => Ext4Reader.open(image)).toThrow("needs_recovery");
      });
      const reader = Ext4Reader.open(image);
      expect(readFileIn(reader, "/a/b/new")?.toString()).toBe("new\n");
      expect(readFileIn(reader, "/a/a-long-name-of-a-file-299")?.toString()).toBe("299");
      expect(
        readFileIn(reader, "/sparse")
          ?.subarray(0, 51_200)
          .every((byte) => byte === 0),
      ).toBe(true);
      expect(reader.superblock.isClean).toBe(true);
    });
  });
});
