import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarImager } from "../../../../src/imagers/tar/index.ts";
import { quietContext, run } from "../../../helpers/disk.ts";
import { device, dir, file, seal, stored, symlink } from "../../../helpers/inodes.ts";
import { tempDir } from "../../../helpers/temp.ts";

const options = { type: "tar", sparse: true } as const;

test("writes what GNU tar lists, and reads it back", async () => {
  const folder = tempDir();
  const out = join(folder, "t.tar");
  const shared = file("hello", { mode: 0o4755 });
  const tree = seal(dir({ bin: dir({ a: shared }), b: shared, link: symlink("bin/a"), null: device("char", 1, 3) }));
  const facts = await tarImager.write(tree, out, options, quietContext());
  expect(run("sha256sum", [out])).toContain(facts.digest.slice("sha256:".length));
  expect(readFileSync(out)).toHaveLength(facts.sizeBytes);
  expect(run("tar", ["-tf", out])).toBe("./\nb\nbin/\nbin/a\nlink\nnull\n");
  await tarImager.verify(tree, out, options, quietContext());
  const bytes = readFileSync(out);
  bytes[bytes.indexOf("hello")] = 0x48;
  writeFileSync(out, bytes);
  await expect(tarImager.verify(tree, out, options, quietContext())).rejects.toMatchObject({ code: "verify" });
});

test("holes take no space unless they are asked for as zeros, and are read back without going through them", async () => {
  const folder = tempDir();
  const layer = join(folder, "layer");
  writeFileSync(layer, "data");
  const tebibyte = 2 ** 40;
  const huge = stored({ file: layer, offset: 0, size: tebibyte, segments: [{ at: tebibyte / 2, length: 4 }] });
  const tree = seal(dir({ huge }));
  const out = join(folder, "t.tar");
  const { sizeBytes } = await tarImager.write(tree, out, options, quietContext());
  expect(sizeBytes).toBeLessThan(20_000);
  await tarImager.verify(tree, out, options, quietContext());
  expect(run("tar", ["-tvf", out])).toContain(`${tebibyte}`);

  const moved = seal(
    dir({ huge: { ...huge, content: { ...huge.content, segments: [{ at: 4096, length: 4 }] } as never } }),
  );
  await expect(tarImager.verify(moved, out, options, quietContext())).rejects.toMatchObject({ code: "verify" });

  const small = seal(dir({ hole: stored({ file: layer, offset: 0, size: 1_000_000, segments: [] }) }));
  const zeros = join(folder, "z.tar");
  const plain = await tarImager.write(small, zeros, { type: "tar", sparse: false }, quietContext());
  expect(plain.sizeBytes).toBeGreaterThan(1_000_000);
  await tarImager.verify(small, zeros, options, quietContext());
});
