import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, bench, describe } from "vitest";
import { ext4Imager } from "../../src/imagers/ext4/index.ts";
import type { Inode } from "../../src/rootfs/node.ts";
import { ext4Options, quietContext } from "../helpers/ext4.ts";
import { dir, file, seal, stored } from "../helpers/inodes.ts";

const LAYER_BYTES = 256 * 1024 * 1024;
const FILE_BYTES = 32 * 1024;
const once = { iterations: 3, warmupIterations: 1, time: 0 };

const folder = mkdtempSync(join(tmpdir(), "fledge-bench-"));
const image = join(folder, "bench.img");
const layer = join(folder, "layer");
const bytes = Buffer.alloc(LAYER_BYTES, "not zeros, and not a whole number of words");
writeFileSync(layer, bytes);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function write(root: ReturnType<typeof dir>): Promise<void> {
  rmSync(image, { force: true });
  await ext4Imager.write(seal(root), image, ext4Options(), quietContext());
}

describe("256 MiB in files of 32 KiB", () => {
  const names = Array.from({ length: LAYER_BYTES / FILE_BYTES }, (_, i): [string, Inode] => [
    `file ${i}`,
    stored({ file: layer, offset: i * FILE_BYTES, size: FILE_BYTES }),
  ]);
  bench("the ext4 imager", () => write(dir({ d: dir(names) })), once);
  bench("the floor: sha256 of as many bytes", () => void createHash("sha256").update(bytes).digest(), once);
});

describe("120,000 files in one folder", () => {
  const names = Array.from({ length: 120_000 }, (_, i): [string, Inode] => [`file-${i}`, file(`content ${i}`)]);
  bench("the ext4 imager", () => write(dir({ d: dir(names) })), once);
});
