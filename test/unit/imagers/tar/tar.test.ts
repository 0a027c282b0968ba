import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarImager } from "../../../../src/imagers/tar/index.ts";
import { quietContext, run } from "../../../helpers/disk.ts";
import { device, dir, file, seal, symlink } from "../../../helpers/inodes.ts";
import { tempDir } from "../../../helpers/temp.ts";

const options = { type: "tar" } as const;

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
