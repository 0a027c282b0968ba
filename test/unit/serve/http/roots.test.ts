import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placeBelow, projectBelow } from "../../../../src/serve/http/roots.ts";
import { project } from "../../../helpers/project.ts";

test("what is below a root by its real path, and nothing else", async () => {
  const folder = project({ "root/a/file": "", "outside/file": "" });
  const root = join(folder, "root");
  for (const [name, target] of [
    ["out", "../outside"],
    ["in", "a"],
    ["loop", "loop"],
    ["deep", "in/../../outside"],
  ] as const) {
    symlinkSync(target, join(root, name));
  }
  mkdirSync(join(folder, "root-too"));
  const allowed = (path: string) => projectBelow([root], path);
  expect(await allowed(join(root, "a"))).toBe(join(root, "a"));
  expect(await allowed("a")).toBe(join(root, "a"));
  expect(await allowed(join(root, "in"))).toBe(join(root, "a"));
  expect(await allowed(join(root, "a/../a"))).toBe(join(root, "a"));
  for (const path of [
    "out",
    "out/file",
    "deep",
    "loop",
    "..",
    "../outside",
    `${folder}/root-too`,
    "/",
    "/nothing",
    "out/nothing",
  ]) {
    await expect(allowed(path), path).rejects.toMatchObject({ status: 403 });
  }
  await expect(allowed("nothing")).rejects.toMatchObject({ status: 404 });
  await expect(allowed("a\0b")).rejects.toMatchObject({ status: 400 });
  await expect(projectBelow([], "/")).rejects.toMatchObject({ status: 403 });
  await expect(projectBelow([root, folder], "a")).rejects.toMatchObject({ status: 400 });

  expect(await placeBelow([root], join(root, "a/new.img"))).toBe(join(root, "a/new.img"));
  for (const path of ["out/new.img", "../new.img", "out"]) {
    await expect(placeBelow([root], join(root, path)), path).rejects.toMatchObject({ status: 403 });
  }
  await expect(placeBelow([root], "/tmp/new.img")).rejects.toMatchObject({ status: 403 });
  await expect(placeBelow([root], join(root, "nothing/new.img"))).rejects.toMatchObject({ status: 404 });
});
