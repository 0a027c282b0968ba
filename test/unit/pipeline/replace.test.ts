import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assertReplaceable, replaceWith, withdraw } from "../../../src/pipeline/replace.ts";
import { tempDir } from "../../helpers/temp.ts";

function written(folder: string, holding: string): string {
  const path = join(folder, "new");
  mkdirSync(path);
  writeFileSync(join(path, holding), "");
  return path;
}

test("a folder replaces the one that the last build made, and nothing is left of it", async () => {
  const folder = tempDir();
  const artifact = join(folder, "web-rootfs");
  await replaceWith(written(folder, "first"), artifact);
  await replaceWith(written(folder, "second"), artifact);
  expect(readdirSync(artifact)).toEqual(["second"]);
  expect(readdirSync(folder).sort()).toEqual([".web-rootfs.fledge", "web-rootfs"]);
  await withdraw(artifact);
  expect(readdirSync(folder)).toEqual([]);
});

test("a folder of somebody else's is refused, also where one of a build's has been; an empty one is not", async () => {
  const folder = tempDir();
  const artifact = join(folder, "web-rootfs");
  await replaceWith(written(folder, "first"), artifact);
  rmSync(artifact, { recursive: true });
  mkdirSync(artifact);
  await expect(assertReplaceable(artifact)).resolves.toBeUndefined();
  writeFileSync(join(artifact, "thesis.txt"), "");
  const refusal = expect.objectContaining({ code: "io", hint: expect.stringContaining("-o") });
  await expect(assertReplaceable(artifact)).rejects.toEqual(refusal);
  await expect(replaceWith(written(folder, "second"), artifact)).rejects.toEqual(refusal);
  expect(readdirSync(artifact)).toEqual(["thesis.txt"]);
});

test("a file replaces a file, without a note", async () => {
  const folder = tempDir();
  writeFileSync(join(folder, "new"), "new");
  writeFileSync(join(folder, "web.tar"), "old");
  await replaceWith(join(folder, "new"), join(folder, "web.tar"));
  expect(readdirSync(folder)).toEqual(["web.tar"]);
  expect(existsSync(join(folder, ".web.tar.fledge"))).toBe(false);
});
