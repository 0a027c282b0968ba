import { expect, test } from "vitest";
import { COMPRESSIONS as CPIO, LEVELS as CPIO_LEVELS } from "../../../src/imagers/cpio/options.ts";
import { describeLevels } from "../../../src/imagers/levels.ts";
import { COMPRESSIONS as SQUASHFS, LEVELS as SQUASHFS_LEVELS } from "../../../src/imagers/squashfs/codec.ts";
import { loadPlugins } from "../../../src/index.ts";
import { tempDir } from "../../helpers/temp.ts";

/** What loading says of a recipe, its problems included. */
async function problemsOf(config: object): Promise<string> {
  return await loadPlugins({ cwd: tempDir(), config: { name: "x", ...config } as never }).then(
    () => "",
    (error: { message: string; problems: readonly { message: string }[] }) =>
      [error.message, ...error.problems.map(({ message }) => message)].join("\n"),
  );
}

const initramfs = (compression: string, level: number) =>
  problemsOf({ strategy: "initramfs", archive: { compression, level } });

const squashfs = (compression: string, compressionLevel: number) =>
  problemsOf({
    strategy: "oci_rootfs",
    source: { dir: "/" },
    filesystem: { type: "squashfs", compression, compressionLevel },
  });

const rows = [
  ...CPIO.map((codec) => ["an initramfs", codec, CPIO_LEVELS[codec], initramfs, "archive.level"] as const),
  ...SQUASHFS.map(
    (codec) => ["a squashfs", codec, SQUASHFS_LEVELS[codec], squashfs, "filesystem.compressionLevel"] as const,
  ),
];

test.each(rows)("the levels of %s with %s are those of the codec", async (_, codec, levels, load, key) => {
  for (const level of [-1, 0, 1, 5, 9, 10, 12, 13, 19, 20, 22, 23, 30, 99, 1.5]) {
    const isLevel = levels !== undefined && Number.isInteger(level) && level >= levels.min && level <= levels.max;
    const said = await load(codec, level);
    if (isLevel) expect(said).toBe("");
    else expect(said).toContain(key);
  }
});

test("they are described as they are", () => {
  expect(describeLevels(CPIO_LEVELS)).toBe(
    "gzip 0-9 (default 6), zstd 1-19 (default 9), xz 0-9 (default 6), lz4 1-12 (default 9); none has none",
  );
});

test.each<[string, object, string]>([
  ["a size without a unit and with a fraction", { type: "ext4", size: "1.5" }, "filesystem.size"],
  ["a headroom beyond ext4", { type: "ext4", headroom: "17T" }, "filesystem.headroom: it ends at"],
  ["a size beyond ext4", { type: "ext4", size: "16T" }, "filesystem.size: it ends at"],
  ["an xfs that mkfs refuses", { type: "xfs", size: "100M" }, "filesystem.size: 100.0 MiB is less"],
  ["a btrfs that mkfs refuses", { type: "btrfs", size: "1M" }, "filesystem.size: 1.0 MiB is less"],
  ["a label of two lines", { type: "btrfs", label: "a\nb" }, "filesystem.label"],
  ["a label with a NUL", { type: "ext4", engine: "loop", label: "a\0b" }, "filesystem.label"],
  ["a block size that is no power of two", { type: "squashfs", blockSize: "96K" }, "filesystem.blockSize"],
  ["no overlay", { type: "squashfs", overlaySize: "0M" }, "filesystem.overlaySize"],
])("%s is a config error", async (_, filesystem, says) => {
  expect(await problemsOf({ strategy: "oci_rootfs", source: { dir: "/" }, filesystem })).toContain(says);
});
