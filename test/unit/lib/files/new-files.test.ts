import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { existingPaths, writeNewFiles } from "../../../../src/lib/files/new-files.ts";
import { tempDir } from "../../../helpers/temp.ts";

describe("writeNewFiles", () => {
  it("makes the folders it needs, the first one included, and executables", async () => {
    const folder = join(tempDir(), "new", "er");
    await writeNewFiles(folder, [
      { path: "a/b/c.txt", data: "c" },
      { path: "run.sh", data: "#!/bin/sh\n", isExecutable: true },
    ]);
    expect(readFileSync(join(folder, "a/b/c.txt"), "utf8")).toBe("c");
    expect(statSync(join(folder, "run.sh")).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, "a/b/c.txt")).mode & 0o111).toBe(0);
  });

  it("takes everything of its own away when one cannot be written, and nothing else", async () => {
    const folder = tempDir();
    mkdirSync(join(folder, "old"));
    writeFileSync(join(folder, "old", "there"), "mine");
    const files = ["new/deep/one", "old/two", "old/there", "never"].map((path) => ({ path, data: "x" }));
    await expect(writeNewFiles(folder, files)).rejects.toMatchObject({ code: "io" });
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(["old", "old/there"]);
    expect(readFileSync(join(folder, "old/there"), "utf8")).toBe("mine");
  });

  it("leaves a folder that somebody else has put something into meanwhile", async () => {
    const folder = tempDir();
    const files = [
      { path: "made/one", data: "x" },
      {
        path: "made/two",
        get data() {
          writeFileSync(join(folder, "made", "theirs"), "");
          writeFileSync(join(folder, "made", "two"), "");
          return "x";
        },
      },
    ];
    await expect(writeNewFiles(folder, files)).rejects.toMatchObject({ code: "io" });
    expect(readdirSync(join(folder, "made")).sort()).toEqual(["theirs", "two"]);
  });

  it("says what is in the way of a folder", async () => {
    const folder = tempDir();
    writeFileSync(join(folder, "site"), "");
    await expect(writeNewFiles(folder, [{ path: "site/index.html", data: "" }])).rejects.toMatchObject({
      code: "io",
      message: expect.stringContaining(join(folder, "site")),
    });
  });
});

it("existingPaths sees dangling symlinks, and files where a folder has to be", async () => {
  const folder = tempDir();
  symlinkSync("nowhere", join(folder, "link"));
  writeFileSync(join(folder, "site"), "");
  expect(await existingPaths(folder, ["link", "site/index.html", "free", "free/er"])).toEqual([
    "link",
    "site/index.html",
  ]);
  expect(await existingPaths(join(folder, "absent"), ["x"])).toEqual([]);
  expect(existsSync(join(folder, "absent"))).toBe(false);
});
