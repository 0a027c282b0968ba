import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { resolveExt4Options } from "../../src/imagers/ext4/options.ts";
import { loopImager } from "../../src/imagers/loop/index.ts";
import { type ResolvedLoopOptions, resolveMountedOptions } from "../../src/imagers/loop/options.ts";
import { sealTree } from "../../src/rootfs/seal.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { quietContext } from "../helpers/disk.ts";
import { ratio } from "./history.ts";
import { inTempDir, median } from "./measure.ts";

const RUNS = 3;
const MIB = 2 ** 20;
const FOLDERS = 60;
const SMALL_FILES = 200;

/** What people write instead: an image that is large enough, a mount, and a copy; ext4 is made to fit afterwards. */
const SHELL = `
rm -f shell.img; truncate -s $SIZE shell.img; $MKFS shell.img >/dev/null
mkdir -p mnt; mount -o loop shell.img mnt
cp -a tree/. mnt/
umount mnt
if [ "$TYPE" = ext4 ]; then e2fsck -fp shell.img >/dev/null; resize2fs -M shell.img >/dev/null 2>&1; fi
sync -f shell.img; sha256sum shell.img >/dev/null
`;

const ROWS: readonly { options: ResolvedLoopOptions; mkfs: string }[] = [
  { options: { ...resolveExt4Options({ type: "ext4" }, "bench"), engine: "loop" }, mkfs: "mkfs.ext4 -q -F" },
  { options: resolveMountedOptions({ type: "xfs" }, "bench"), mkfs: "mkfs.xfs -q -f" },
  { options: resolveMountedOptions({ type: "btrfs" }, "bench"), mkfs: "mkfs.btrfs -q -f" },
];

/** The loop engine against mkfs, mount and cp on the same tree of 12,000 small files and 600 MiB, taking turns. */
export async function benchLoop(): Promise<void> {
  console.log("loop: sealed tree to image, against mkfs + mount + cp -a + sha256sum");
  await inTempDir(async (folder) => {
    const source = join(folder, "tree");
    makeTree(source);
    const rootfs = new RootfsTree();
    rootfs.copyFromHost(source, "/");
    const tree = sealTree(rootfs.root);
    for (const { options, mkfs } of ROWS) {
      const out = join(folder, "fledge.img");
      const seconds: { fledge: number[]; shell: number[] } = { fledge: [], shell: [] };
      let bytes = 0;
      for (let run = 0; run < RUNS; run++) {
        rmSync(out, { force: true });
        seconds.fledge.push(
          await time(async () => {
            const ctx = { ...quietContext(), env: process.env };
            bytes = (await loopImager(options.type).write(tree, out, options, ctx)).sizeBytes;
          }),
        );
        const env = { ...process.env, MKFS: mkfs, TYPE: options.type, SIZE: String(Math.max(1000 * MIB, bytes)) };
        seconds.shell.push(await time(() => void execFileSync("sh", ["-ec", SHELL], { cwd: folder, env })));
      }
      const [ours, theirs] = [median(seconds.fledge), median(seconds.shell)];
      const times = ratio(`loop: ${options.type}, fledge / shell`, ours / theirs);
      console.log(
        `  ${options.type.padEnd(6)} fledge ${ours.toFixed(2)} s (${Math.round(bytes / MIB)} MiB), shell ${theirs.toFixed(2)} s; ratio ${times}`,
      );
    }
  });
}

function makeTree(source: string): void {
  for (let i = 0; i < FOLDERS; i++) {
    const folder = join(source, `folder-${i}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "large"), Buffer.alloc(10 * MIB, i + 1));
    for (let j = 0; j < SMALL_FILES; j++) writeFileSync(join(folder, `file-${j}`), `content ${j}`.repeat(j));
  }
}

async function time(run: () => void | Promise<void>): Promise<number> {
  execFileSync("sync");
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}
