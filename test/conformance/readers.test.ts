import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectImage } from "../../src/inspect/inspect.ts";
import { listImage } from "../../src/inspect/list.ts";
import { openImage } from "../../src/inspect/open.ts";
import type { ImageReader } from "../../src/inspect/reader.ts";
import { run, withFolder, withMount } from "../helpers/disk.ts";
import { makeHostTree } from "../helpers/host-tree.ts";
import { type Allowances, differences } from "../helpers/mounted.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

/** One tree for all of them: to make it takes longer than to pack it. */
let work = "";
let tree = "";
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "fledge-readers-"));
  tree = join(work, "tree");
  mkdirSync(tree);
  makeHostTree(tree);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What `mount` shows of an image is what the reader reads of it. */
async function expectAsMounted(
  image: string,
  filesystem: string,
  allowances: Allowances = {},
): Promise<ImageReader["facts"]> {
  return await withReader(image, async (reader) => {
    await withMount(
      image,
      "ro",
      async (mountPoint) =>
        expect(await differences(reader.tree, mountPoint, { allowed: [], ...allowances })).toEqual([]),
      filesystem,
    );
    return reader.facts;
  });
}

async function withReader<T>(target: string, body: (reader: ImageReader) => Promise<T> | T): Promise<T> {
  const reader = await openImage(target, { cacheDir: join(work, "cache") });
  try {
    return await body(reader);
  } finally {
    await reader.close();
  }
}

const EXT4 = {
  "the defaults of Debian": [],
  "blocks of addresses instead of extents": ["-O", "^extent,^64bit"],
  "small files in inodes": ["-O", "inline_data"],
  "addresses of 32 bits, no checksums": ["-O", "^64bit,^metadata_csum"],
  "64 bits and checksums": ["-O", "64bit,metadata_csum"],
  "a seed of checksums of its own": ["-O", "metadata_csum,metadata_csum_seed", "-U", "random"],
  "blocks of 1 KiB": ["-b", "1024"],
  "blocks of 2 KiB and addresses": ["-b", "2048", "-O", "^extent,^64bit"],
  "inodes of 512 bytes": ["-I", "512"],
  "no journal and no index": ["-O", "^has_journal,^dir_index"],
};

describeWith(
  "ext4 that mke2fs has made, as the kernel sees it",
  [requireRoot(), requireTools("mke2fs", "getfattr", "setfattr", "setcap")],
  () => {
    test.each(Object.entries(EXT4))("%s", (_, options) =>
      withFolder(async (folder) => {
        const image = join(folder, "image");
        run("mke2fs", ["-q", "-t", "ext4", ...options, "-d", tree, image, "64M"]);
        await expectAsMounted(image, "ext4");
      }),
    );

    test.each([
      ["bigalloc", ["-t", "ext4", "-O", "bigalloc"]],
      ["meta_bg", ["-t", "ext4", "-O", "meta_bg,^resize_inode"]],
      ["encrypt", ["-t", "ext4", "-O", "encrypt"]],
    ])("%s is refused by name", (feature, options) =>
      withFolder(async (folder) => {
        const image = join(folder, "image");
        run("mke2fs", ["-q", ...options, image, "64M"]);
        await expect(openImage(image)).rejects.toThrow(`its feature ${feature} is one that fledge does not read`);
      }),
    );
  },
);

describeWith(
  "squashfs of mksquashfs, as the kernel sees it",
  [requireRoot(), requireTools("mksquashfs", "sqfs2tar", "getfattr", "setfattr", "setcap")],
  () => {
    test.each([
      ["gzip", []],
      ["gzip", ["-noI", "-noD", "-noF", "-noX"]],
      ["gzip", ["-b", "4096", "-no-fragments"]],
      ["zstd", ["-b", "1M"]],
      ["xz", []],
      ["lzo", []],
      ["lz4", []],
    ])("%s %j", (codec, options) =>
      withFolder(async (folder) => {
        const image = join(folder, "image");
        run("mksquashfs", [tree, image, "-comp", codec, "-quiet", "-no-progress", ...options]);
        const facts = await expectAsMounted(image, "squashfs");
        expect(facts.compression).toBe(codec);
      }),
    );

    test("lzma, which no kernel reads, as the folder that it was made of", () =>
      withFolder(async (folder) => {
        const image = join(folder, "image");
        run("mksquashfs", [tree, image, "-comp", "lzma", "-quiet", "-no-progress"]);
        await withReader(image, async (reader) => {
          expect(reader.facts.compression).toBe("lzma");
          // Its times are whole seconds.
          const found = await differences(reader.tree, tree, { allowed: [], showsTimeOf: () => false });
          expect(found).toEqual([]);
        });
      }));
  },
);

describeWith(
  "squashfs of tar2sqfs, as the kernel sees it",
  [requireRoot(), requireTools("tar2sqfs", "sqfs2tar", "tar", "getfattr", "setfattr", "setcap")],
  () => {
    test.each(["gzip", "zstd", "xz", "lzo", "lz4"])("%s", (codec) =>
      withFolder(async (folder) => {
        const image = join(folder, "image");
        const pack = 'tar --format=posix --xattrs "--xattrs-include=*" -C "$1" -c . | tar2sqfs -q -c "$2" "$3"';
        run("sh", ["-c", pack, "sh", tree, codec, image]);
        // tar2sqfs counts all names in a folder as its links.
        const facts = await expectAsMounted(image, "squashfs", { countsFolderLinks: false });
        expect(facts.compression).toBe(codec);
      }),
    );
  },
);

const UNPACKED = { allowed: [], showsTimeOf: () => true };

describeWith(
  "cpio of GNU cpio, in the kernel's codecs",
  [requireRoot(), requireTools("cpio", "xz", "zstd", "lz4")],
  () => {
    const archive = (path: string, folder: string): void => {
      run("sh", ["-c", `cd "$1" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc > "$2"`, "sh", folder, path]);
    };

    test.each([
      ["none", "cat"],
      ["gzip", "gzip -1"],
      ["zstd", "zstd -q -1"],
      ["xz", "xz -0 --check=crc32"],
      ["lz4", "lz4 -q -l -1"],
      ["bzip2", "bzip2 -1"],
      ["lzma", "xz -0 --format=lzma"],
    ])("%s", (codec, command) =>
      withFolder(async (folder) => {
        archive(join(folder, "plain"), tree);
        run("sh", ["-c", `${command} < plain > image`], { cwd: folder });
        await withReader(join(folder, "image"), async (reader) => {
          expect(reader.facts.compression).toBe(codec);
          const found = (await differences(reader.tree, tree, UNPACKED)).filter((line) => !line.includes("xattrs is"));
          expect(found.filter((line) => !line.includes("mtime is"))).toEqual([]);
        });
      }),
    );

    test("several in a row: microcode first, what comes later over what comes before", () =>
      withFolder(async (folder) => {
        const make = (name: string, files: Record<string, string>): void => {
          mkdirSync(join(folder, name, "etc"), { recursive: true });
          for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, name, path), text);
          archive(join(folder, `${name}.cpio`), join(folder, name));
        };
        make("early", { microcode: "bytes", "etc/both": "first" });
        make("main", { init: "#!/bin/sh", "etc/both": "second" });
        make("last", { "etc/last": "x" });
        run(
          "sh",
          [
            "-c",
            "dd if=/dev/zero bs=1 count=3584 status=none > pad; (cat main.cpio; cat last.cpio) | zstd -q > main.zst",
          ],
          { cwd: folder },
        );
        run("sh", ["-c", "cat early.cpio pad main.zst > initrd"], { cwd: folder });
        await withReader(join(folder, "initrd"), ({ tree: { entries } }) => {
          expect(entries.map(({ path }) => path)).toEqual(["", "etc", "etc/both", "etc/last", "init", "microcode"]);
          const both = entries[2]?.inode.node;
          expect(both?.type === "file" && both.size).toBe(6);
        });
      }));
  },
);

/** The newest that this machine boots with, or would. */
const INITRD = readdirSync("/boot")
  .filter((name) => name.startsWith("initrd.img-"))
  .sort()
  .at(-1);

describeWith(
  "an initrd of Debian",
  [
    requireRoot(),
    requireTools("unmkinitramfs", "lsinitramfs", "cpio", "zstd", "xz", "lz4", "getfattr"),
    INITRD === undefined ? "needs an initrd in /boot: run test/setup.sh" : undefined,
  ],
  () => {
    /** All that its archives have, one over the other, as the kernel unpacks them. */
    function unpacked(initrd: string, folder: string): string {
      const parts = join(folder, "parts");
      run("unmkinitramfs", [initrd, parts]);
      const names = readdirSync(parts).sort();
      if (!names.includes("main")) return parts;
      const whole = join(folder, "whole");
      mkdirSync(whole);
      for (const name of names) run("cp", ["-a", `${join(parts, name)}/.`, whole]);
      return whole;
    }

    async function expectAsUnpacked(initrd: string, folder: string): Promise<void> {
      const listed = run("lsinitramfs", [initrd]).trim().split("\n");
      const whole = unpacked(initrd, folder);
      await withReader(initrd, async (reader) => {
        const paths = [...listImage(reader, "/", { recursive: true })].map(({ path }) => path.slice(1));
        expect(paths.sort()).toEqual([...new Set(listed)].filter((name) => name !== ".").sort());
        const allowances = { ...UNPACKED, showsRoot: false, showsTimeOf: (type: string) => type === "file" };
        expect(await differences(reader.tree, whole, allowances)).toEqual([]);
        expect(inspectImage(reader).counts.file).toBeGreaterThan(100);
      });
    }

    test("that of this machine's kernel", () =>
      withFolder((folder) => expectAsUnpacked(join("/boot", INITRD ?? ""), folder)));

    test("with microcode before it", () =>
      withFolder(async (folder) => {
        const place = "kernel/x86/microcode";
        mkdirSync(join(folder, "early", place), { recursive: true });
        writeFileSync(join(folder, "early", place, "GenuineIntel.bin"), Buffer.alloc(5000, "microcode"));
        const pack = "find . -print0 | sort -z | cpio --quiet -0 -o -H newc";
        run("sh", ["-c", `(cd early; ${pack}) > initrd; cat "$1" >> initrd`, "sh", join("/boot", INITRD ?? "")], {
          cwd: folder,
        });
        await expectAsUnpacked(join(folder, "initrd"), folder);
      }));
  },
);
