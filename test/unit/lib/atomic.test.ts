import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporarySibling, writeFileAtomically } from "../../../src/lib/atomic.ts";

const NOBODY = 65534;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fledge-atomic-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function deadPid(): number {
  return spawnSync("true").pid;
}

describe("writeFileAtomically", () => {
  it("creates and replaces, and leaves nothing else", async () => {
    const path = join(folder, "a.json");
    await writeFileAtomically(path, "one");
    await writeFileAtomically(path, new Uint8Array([116, 119, 111]));
    expect(await readFile(path, "utf8")).toBe("two");
    expect(await readdir(folder)).toEqual(["a.json"]);
  });

  it("survives two writers of the same name", async () => {
    const path = join(folder, "a.json");
    await Promise.all(["one", "two", "six"].map((text) => writeFileAtomically(path, text)));
    expect(["one", "two", "six"]).toContain(await readFile(path, "utf8"));
    expect(await readdir(folder)).toEqual(["a.json"]);
  });

  it("says that the folder is missing", async () => {
    const path = join(folder, "none", "a.json");
    await expect(writeFileAtomically(path, "")).rejects.toMatchObject({
      code: "io",
      message: `cannot write ${path}: no such file or folder`,
      hint: `check that ${join(folder, "none")} exists and the name is right`,
    });
  });

  it("says that the destination is a folder, and removes its temporary file", async () => {
    const path = join(folder, "a.json");
    await mkdir(path);
    await expect(writeFileAtomically(path, "")).rejects.toMatchObject({
      code: "io",
      message: `cannot write ${path}: it is a folder, not a file`,
    });
    expect(await readdir(folder)).toEqual(["a.json"]);
  });

  it("says that the folder is not writable", async () => {
    await chmod(folder, 0o555);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(NOBODY); // a mode does not bind root
    try {
      await expect(writeFileAtomically(join(folder, "a.json"), "")).rejects.toMatchObject({
        message: `cannot write ${join(folder, "a.json")}: permission denied`,
      });
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(folder, 0o755);
    }
  });
});

describe("temporarySibling", () => {
  it("names a hidden file of this process, never the same twice, and creates nothing", async () => {
    const first = await temporarySibling(join(folder, "web.img"));
    const second = await temporarySibling(join(folder, "web.img"));
    expect(basename(first)).toMatch(new RegExp(`^\\.web\\.img\\.fledge-${process.pid}-\\d+\\.tmp$`));
    expect(second).not.toBe(first);
    expect(await readdir(folder)).toEqual([]);
  });

  it("removes what dead processes left for the same name, and nothing else", async () => {
    const dead = deadPid();
    const kept = [
      `.web.img.fledge-${process.ppid}-0.tmp`,
      `.other.img.fledge-${dead}-0.tmp`,
      `.web.img.fledge-${dead}-0.txt`,
      "web.img",
    ];
    for (const name of [...kept, `.web.img.fledge-${dead}-0.tmp`, `.web.img.fledge-${dead}-12.tmp`]) {
      await writeFile(join(folder, name), "");
    }
    await temporarySibling(join(folder, "web.img"));
    expect((await readdir(folder)).sort()).toEqual([...kept].sort());
  });
});
