import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { cpioImager } from "../../../src/imagers/cpio/index.ts";
import { openImage } from "../../../src/inspect/open.ts";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { quietContext } from "../../helpers/disk.ts";
import { sampleTree } from "../../helpers/sample-tree.ts";
import { END, member } from "../../helpers/tar-writer.ts";
import { tempDir } from "../../helpers/temp.ts";

const TAR = Buffer.concat([member({ name: "big", data: Buffer.alloc(2 ** 20, "some text") }), END]);

/** Packed by the programs of this machine. */
async function images(folder: string): Promise<string[]> {
  const cpio = join(folder, "a.cpio");
  const tree = sealTree(sampleTree().root);
  await cpioImager.write(tree, cpio, { compression: "none" }, quietContext());
  writeFileSync(join(folder, "a.tar"), TAR);
  const plain = [cpio, join(folder, "a.tar")];
  for (const path of plain)
    execFileSync("sh", ["-c", 'xz -k --check=crc32 "$1"; gzip -k "$1"; zstd -q "$1"', "sh", path]);
  return plain.flatMap((path) => ["xz", "gz", "zst"].map((ending) => `${path}.${ending}`));
}

// An error that nobody hears would end this process, and the run with it.
test("an abort at any time while an image is opened is one, and nothing else", { timeout: 60_000 }, async () => {
  const folder = tempDir();
  for (const path of await images(folder)) {
    for (let ms = -1; ms < 12; ms += 1) {
      const controller = new AbortController();
      if (ms < 0) controller.abort();
      const opening = openImage(path, { signal: controller.signal, cacheDir: folder }).then(
        async (reader) => await reader.close(),
        (error: unknown) => expect(error, `${path} after ${ms} ms`).toMatchObject({ code: "aborted" }),
      );
      if (ms >= 0) await sleep(ms);
      controller.abort();
      await opening;
    }
  }
});
