import { expect } from "vitest";
import type { ResolvedExt4Options } from "../../src/imagers/ext4/options.ts";
import { verifyExt4 } from "../../src/imagers/ext4/reader/verify.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";
import { quietContext, run, withMount } from "./disk.ts";
import { ext4Options, fsck, withImage } from "./ext4.ts";
import { device, dir, file, pipe, seal, symlink } from "./inodes.ts";
import { differences } from "./mounted.ts";

/** Writes the tree; e2fsck, our reader and the kernel must each find exactly it, and the image must survive use. */
export async function conforms(tree: SealedTree, options: ResolvedExt4Options = ext4Options()): Promise<void> {
  await withImage(tree, options, async (image) => {
    await verifyExt4(tree, image, quietContext());
    await withMount(image, "ro", async (mounted) => expect(await differences(tree, mounted)).toEqual([]));
    await withMount(image, "rw", (mounted) => {
      const script =
        'cd "$1"; mkdir new; for i in 1 2 3 4 5; do echo $i >new/$i; done; rm new/1; ln new/2 new/hard; mv new newer';
      run("sh", ["-ec", script, "sh", mounted]);
    });
    fsck(image);
  });
}

/** One of everything that an inode can be. */
export function menagerie(): SealedTree {
  const shared = file("two names", { mode: 0o4755 });
  return seal(
    dir({
      bin: dir({ tool: file("#!/bin/sh\n", { mode: 0o6755, uid: 70_000, gid: 4_000_000_000 }), again: shared }),
      empty: file(),
      "empty folder": dir({}, { mode: 0o1777 }),
      "exactly a block": file(Buffer.alloc(4096, 1)),
      "a block and a byte": file(Buffer.alloc(4097, 2)),
      "fast link": symlink("t".repeat(59)),
      "slow link": symlink("t".repeat(60)),
      "longest link": symlink("t".repeat(4095)),
      "umlaut link": symlink("zürich"),
      null: device("char", 1, 3, { mode: 0o666 }),
      old: device("block", 255, 255),
      "new major": device("char", 256, 0),
      "new minor": device("block", 8, 256),
      largest: device("char", 4095, 1_048_575),
      fifo: pipe("fifo", { mode: 0o620 }),
      socket: pipe("socket", { mode: 0o777 }),
      shared,
      "\xff\xfe\x80 not utf-8": file("bytes"),
      "new\nline": file("x"),
    }),
  );
}
