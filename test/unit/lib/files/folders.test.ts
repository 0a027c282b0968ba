import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeFolders } from "../../../../src/lib/files/folders.ts";
import { tempDir } from "../../../helpers/temp.ts";

it("makes what is missing, and says what that was", async () => {
  const folder = tempDir();
  const made: string[] = [];
  await makeFolders(join(folder, "a/b/c"), (path) => made.push(path));
  await makeFolders(join(folder, "a/b/c"), (path) => made.push(path));
  expect(made).toEqual(["a", "a/b", "a/b/c"].map((path) => join(folder, path)));
  expect(existsSync(join(folder, "a/b/c"))).toBe(true);
});

it("says so where nothing can be made, and of a file in its way", async () => {
  const folder = tempDir();
  writeFileSync(join(folder, "file"), "");
  await expect(makeFolders("/proc/fledge/x")).rejects.toMatchObject({ code: "ENOENT" });
  await expect(makeFolders(join(folder, "file"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeFolders(join(folder, "file/x"))).rejects.toMatchObject({ code: "ENOTDIR" });
});
