import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { editLock, findLock, readLock } from "../../../src/lock/file.ts";
import { testContext } from "../../helpers/context.ts";
import { project } from "../../helpers/project.ts";
import { tempDir } from "../../helpers/temp.ts";

const entry = { digest: sha256("it") };

it("is found in the folder, or above it as far as the repository goes", async () => {
  const root = project({ "fledge.lock": "{}", "a/b/x": "", "own/fledge.lock": "{}", "repo/c/x": "" });
  mkdirSync(join(root, "repo/.git"));
  mkdirSync(join(root, "a/b/fledge.lock"));
  expect(await findLock(join(root, "a/b"))).toBe(join(root, "fledge.lock"));
  expect(await findLock(join(root, "own"))).toBe(join(root, "own/fledge.lock"));
  expect(await findLock(join(root, "repo/c"))).toBeUndefined();
});

it("keeps what others have written, and all of many edits at once", async () => {
  const path = join(tempDir(), "fledge.lock");
  const names = Array.from({ length: 20 }, (_, i) => `image ${i} linux/amd64`);
  await Promise.all(names.map((name) => editLock(path, new Map([[name, entry]]), testContext())));
  expect([...((await readLock(path)) ?? [])].map(([key]) => key)).toEqual(names.toSorted());
  expect(readdirSync(join(path, ".."))).toEqual(["fledge.lock"]);
  const left = await editLock(path, new Map(names.slice(1).map((name) => [name, undefined])), testContext());
  expect([...left.keys()]).toEqual([names[0]]);
});

it("is not written where nothing differs, nor where it is no lock", async () => {
  const path = join(tempDir(), "fledge.lock");
  await editLock(path, new Map([["image a linux/amd64", entry]]), testContext());
  const { ino } = statSync(path);
  await editLock(path, new Map([["image a linux/amd64", entry]]), testContext());
  expect(statSync(path).ino).toBe(ino);
  writeFileSync(path, "<<<<<<< ours\n");
  await expect(editLock(path, new Map(), testContext())).rejects.toMatchObject({ code: "config" });
  expect(readFileSync(path, "utf8")).toBe("<<<<<<< ours\n");
});
