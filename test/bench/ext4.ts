import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { ext4Imager } from "../../src/imagers/ext4/index.ts";
import type { Inode } from "../../src/rootfs/node.ts";
import { quietContext } from "../helpers/disk.ts";
import { ext4Options } from "../helpers/ext4.ts";
import { dir, file, seal, stored } from "../helpers/inodes.ts";
import { ratio } from "./history.ts";
import { inTempDir, median } from "./measure.ts";

const LAYER_BYTES = 256 * 1024 * 1024;
const FILE_BYTES = 32 * 1024;

/** The ext4 imager by itself: many files of a layer against the floor of hashing them, and one huge folder. */
export async function benchExt4(): Promise<void> {
  console.log("ext4: sealed tree to image");
  await inTempDir(async (folder) => {
    const bytes = Buffer.alloc(LAYER_BYTES, "not zeros, and not a whole number of words");
    const layer = join(folder, "layer");
    writeFileSync(layer, bytes);
    const stores = Array.from({ length: LAYER_BYTES / FILE_BYTES }, (_, i): [string, Inode] => [
      `file ${i}`,
      stored({ file: layer, offset: i * FILE_BYTES, size: FILE_BYTES }),
    ]);
    const tiny = Array.from({ length: 120_000 }, (_, i): [string, Inode] => [`file-${i}`, file(`content ${i}`)]);
    const image = join(folder, "image");
    const ours = await time(() => write(dir({ d: dir(stores) }), image));
    const floor = await time(() => void createHash("sha256").update(bytes).digest());
    report("256 MiB in files of 32 KiB", ours);
    report("the floor: sha256 of as many bytes", floor);
    console.log(`  ${ratio("ext4: 256 MiB / sha256", ours / floor)} times its floor`);
    report("120,000 files in one folder", await time(() => write(dir({ d: dir(tiny) }), image)));
  });
}

async function write(root: ReturnType<typeof dir>, image: string): Promise<void> {
  rmSync(image, { force: true });
  await ext4Imager.write(seal(root), image, ext4Options(), quietContext());
}

async function time(run: () => void | Promise<void>): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    await run();
    seconds.push((performance.now() - started) / 1000);
  }
  return median(seconds);
}

function report(name: string, seconds: number): void {
  console.log(`  ${name.padEnd(44)} ${seconds.toFixed(2).padStart(7)} s`);
}
