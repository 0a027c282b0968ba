import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { siblingOf } from "../../../src/lib/files/atomic.ts";
import { ownerName } from "../../../src/lib/process/owner.ts";
import { assertReplaceable, recover, replace, takeTurn } from "../../../src/pipeline/replace.ts";
import { tempDir } from "../../helpers/temp.ts";

const text = (path: string): string => readFileSync(path, "utf8");

/** Outputs in a folder, and how a build of a certain content is put there. */
function place(kind: "file" | "folder") {
  const folder = tempDir();
  const outputs = { artifact: join(folder, "web.img"), manifest: join(folder, "web.manifest.json") };
  const put = async (content: string) => {
    const written = join(folder, ".new");
    if (kind === "folder") mkdirSync(written);
    writeFileSync(kind === "folder" ? join(written, "content") : written, content);
    return await replace(outputs, written, async (path) => writeFileSync(path, content));
  };
  const now = (): string[] => {
    const { artifact, manifest } = outputs;
    return [text(kind === "folder" ? join(artifact, "content") : artifact), text(manifest)];
  };
  const names =
    kind === "folder" ? [".web.img.fledge", "web.img", "web.manifest.json"] : ["web.img", "web.manifest.json"];
  return { folder, outputs, put, now, names };
}

/** An owner that has died, be it in another pid namespace: the files of this process in a folder become its. */
function kill(folder: string, elsewhere?: "elsewhere"): void {
  const [boot, namespace] = ownerName().split("-");
  const dead = [boot, elsewhere === undefined ? namespace : 1, spawnSync("true").pid, "x", "00"].join("-");
  for (const name of readdirSync(folder)) {
    const renamed = name.replace(/(?<=\.fledge-)[\w-]+(?=\.(?:undo|old|tmp)$)/, dead);
    renameSync(join(folder, name), join(folder, renamed));
  }
}

for (const kind of ["file", "folder"] as const) {
  test(`a ${kind} replaces that of the last build, and nothing is left of it`, async () => {
    const { folder, put, now, names } = place(kind);
    for (const content of ["first", "second"]) {
      const replaced = await put(content);
      replaced.keep();
      await replaced.discard();
      expect([now(), readdirSync(folder).sort()]).toEqual([[content, content], names]);
    }
  });

  test(`a ${kind} whose build fails later gives way to what was there before, or to nothing`, async () => {
    const { folder, put, now, names } = place(kind);
    await (await put("none")).undo();
    expect(readdirSync(folder)).toEqual([]);
    const first = await put("first");
    first.keep();
    await first.discard();
    await (await put("second")).undo();
    expect([now(), readdirSync(folder).sort()]).toEqual([["first", "first"], names]);
    if (kind === "folder") await expect(assertReplaceable(join(folder, "web.img"))).resolves.toBeUndefined();
  });

  test(`a ${kind} whose build was killed gives way when the next begins; after it was kept it stays`, async () => {
    const { folder, outputs, put, now, names } = place(kind);
    const first = await put("first");
    first.keep();
    await first.discard();
    await put("second");
    await recover(outputs);
    expect(now()).toEqual(["second", "second"]); // its build still runs
    kill(folder);
    await recover(outputs);
    expect([now(), readdirSync(folder).sort()]).toEqual([["first", "first"], names]);
    (await put("third")).keep();
    kill(folder);
    await recover(outputs);
    expect([now(), readdirSync(folder).sort()]).toEqual([["third", "third"], names]);
  });
}

const quiet = { signal: new AbortController().signal, progress: () => {}, log: () => {} };

describe.skipIf(!existsSync("/proc/self/ns/pid"))("a build of another pid namespace", () => {
  test("that was killed gives way at once, also when it had only to remove what was there before", async () => {
    const { folder, outputs, put, now, names } = place("file");
    const first = await put("first");
    first.keep();
    await first.discard();
    await put("second");
    kill(folder, "elsewhere");
    await recover(outputs);
    expect([now(), readdirSync(folder).sort()]).toEqual([["first", "first"], names]);
    (await put("third")).keep();
    kill(folder, "elsewhere");
    const turn = await takeTurn(outputs, quiet);
    await recover(outputs, turn);
    await turn.release();
    expect([now(), readdirSync(folder).sort()]).toEqual([["third", "third"], names]);
  });

  test("that still has its turn is left alone, and waited for", async () => {
    const { folder, outputs, put, now } = place("file");
    const turn = await takeTurn(outputs, quiet);
    await put("slow");
    kill(folder, "elsewhere");
    await recover(outputs);
    expect(now()).toEqual(["slow", "slow"]);
    expect((await takeTurn(outputs, quiet, 200)).isHeld).toBe(false);
    const said: string[] = [];
    const next = takeTurn(outputs, { ...quiet, log: (message) => void said.push(message) });
    await expect.poll(() => said).toEqual([`waiting for another build, which has ${outputs.artifact} under way`]);
    await turn.release();
    const own = await next;
    expect(own.isHeld).toBe(true);
    await recover(outputs, own);
    await own.release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("what a later build has put there is left alone by one that fails or was killed", async () => {
  const { folder, outputs, put, now, names } = place("file");
  const slow = await put("slow");
  const quick = await put("quick");
  quick.keep();
  await quick.discard();
  await slow.undo();
  expect([now(), readdirSync(folder).sort()]).toEqual([["quick", "quick"], names]);
  await put("killed");
  kill(folder);
  const last = await put("last");
  last.keep();
  await last.discard();
  await recover(outputs);
  expect([now(), readdirSync(folder).sort()]).toEqual([["last", "last"], names]);
});

test("a manifest that cannot be written brings back artifact and manifest", async () => {
  const { folder, outputs, put, now, names } = place("file");
  (await put("first")).keep();
  const written = join(folder, ".new");
  writeFileSync(written, "second");
  const full = Object.assign(new Error("raw"), { code: "ENOSPC" });
  await expect(replace(outputs, written, () => Promise.reject(full))).rejects.toMatchObject({ code: "io" });
  expect(now()).toEqual(["first", "first"]);
  kill(folder);
  await recover(outputs);
  expect(readdirSync(folder).sort()).toEqual(names);
});

test("a folder of somebody else's is refused, also where one of a build's has been; an empty one is not", async () => {
  const { folder, outputs, put } = place("folder");
  const { artifact } = outputs;
  (await put("first")).keep();
  rmSync(artifact, { recursive: true });
  mkdirSync(artifact);
  await expect(assertReplaceable(artifact)).resolves.toBeUndefined();
  writeFileSync(join(artifact, "thesis.txt"), "");
  const refusal = expect.objectContaining({ code: "io", hint: expect.stringContaining("-o") });
  await expect(assertReplaceable(artifact)).rejects.toEqual(refusal);
  await expect(put("second")).rejects.toEqual(refusal);
  expect(readdirSync(artifact)).toEqual(["thesis.txt"]);
  expect(existsSync(siblingOf(join(folder, "web.img"), "undo", "x"))).toBe(false);
});

test("devices, FIFOs and sockets are refused, symlinks are replaced", async () => {
  const { folder, outputs, put, now } = place("file");
  spawnSync("mkfifo", [outputs.artifact]);
  await expect(put("first")).rejects.toMatchObject({ code: "io", message: expect.stringContaining("FIFO") });
  expect(lstatSync(outputs.artifact).isFIFO()).toBe(true);
  rmSync(outputs.artifact);
  writeFileSync(join(folder, "target"), "kept");
  spawnSync("ln", ["-s", "target", outputs.artifact]);
  rmSync(join(folder, ".new"));
  (await put("first")).keep();
  expect([now(), text(join(folder, "target"))]).toEqual([["first", "first"], "kept"]);
});
