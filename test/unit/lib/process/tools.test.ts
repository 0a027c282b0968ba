import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { findOnPath, requireTool } from "../../../../src/lib/process/tools.ts";
import { tempDir } from "../../../helpers/temp.ts";

function program(folder: string, name: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
}

describe("findOnPath", () => {
  it("takes the first executable file", () => {
    const [a, b, c] = [tempDir(), tempDir(), tempDir()];
    mkdirSync(join(a, "tool"));
    program(b, "tool", 0o644);
    const path = program(c, "tool");
    expect(findOnPath("tool", { PATH: `:${a}:/nonexistent:${b}:${c}` })).toBe(path);
  });

  it("follows symlinks", () => {
    const folder = tempDir();
    symlinkSync(program(folder, "real"), join(folder, "tool"));
    expect(findOnPath("tool", { PATH: folder })).toBe(join(folder, "tool"));
  });

  it("gives an absolute path for a relative folder", () => {
    const folder = tempDir();
    const path = program(folder, "tool");
    expect(findOnPath("tool", { PATH: relative(process.cwd(), folder) })).toBe(path);
  });

  it.each([{}, { PATH: "" }, { PATH: "/nonexistent" }])("finds nothing by %j", (env) => {
    expect(findOnPath("tool", env)).toBeUndefined();
  });
});

describe("requireTool", () => {
  const tool = { name: "mkfs.x", reason: "write the x image", package: "xprogs" };

  it("says what it is for and how to get it", () => {
    expect(() => requireTool(tool, {})).toThrow(
      expect.objectContaining({
        code: "tool",
        message: "mkfs.x not found; needed to write the x image",
        hint: "sudo apt-get install -y xprogs",
      }),
    );
    expect(() => requireTool({ ...tool, instead: 'filesystem.type = "ext4"' }, {})).toThrow(
      expect.objectContaining({ hint: 'sudo apt-get install -y xprogs, or filesystem.type = "ext4"' }),
    );
  });

  it("gives its path", () => {
    const folder = tempDir();
    const path = program(folder, "mkfs.x");
    expect(requireTool(tool, { PATH: folder })).toBe(path);
  });
});
