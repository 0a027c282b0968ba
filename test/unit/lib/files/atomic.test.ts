import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isSibling, temporarySibling, writeFileAtomically } from "../../../../src/lib/files/atomic.ts";
import { ownerName } from "../../../../src/lib/process/owner.ts";

const NOBODY = 65534;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fledge-atomic-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The name of an owner in the same boot and PID namespace with another pid, or in another namespace. */
function ownerWith({ pid, namespace }: { pid: number; namespace?: string }): string {
  const [boot, own] = ownerName().split("-");
  return [boot, namespace ?? own, pid, "x", "00"].join("-");
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
    expect(basename(first)).toMatch(new RegExp(`^\\.web\\.img\\.fledge-\\w+-\\w+-${process.pid}-\\w+-\\w+\\.tmp$`));
    expect(isSibling(basename(first))).toBe(true);
    expect(second).not.toBe(first);
    expect(await readdir(folder)).toEqual([]);
  });

  it("fits beside the longest name", async () => {
    for (const name of ["x".repeat(255), "\u00e9".repeat(127)]) {
      await writeFileAtomically(join(folder, name), "");
      expect(await readdir(folder)).toEqual([name]);
      await rm(join(folder, name));
    }
  });

  it("removes what dead processes left for the same name, and nothing else", async () => {
    const dead = ownerWith({ pid: spawnSync("true").pid });
    const kept = [
      `.web.img.fledge-${ownerWith({ pid: process.ppid })}.tmp`,
      `.web.img.fledge-${ownerWith({ pid: spawnSync("true").pid, namespace: "1" })}.tmp`,
      `.other.img.fledge-${dead}.tmp`,
      `.web.img.fledge-${dead}.txt`,
      "web.img",
    ];
    const old = `.web.img.fledge-${ownerWith({ pid: 1, namespace: "1" })}.tmp`;
    for (const name of [...kept, old, `.web.img.fledge-${dead}.tmp`, `.web.img.fledge-${dead}0.tmp`]) {
      await writeFile(join(folder, name), "");
    }
    await utimes(join(folder, old), 0, 0);
    await temporarySibling(join(folder, "web.img"));
    expect((await readdir(folder)).sort()).toEqual([...kept].sort());
  });
});
