import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkRequirement, type Requirement } from "../../../../src/lib/process/requirements.ts";
import { type Tool, USUAL_VERSION } from "../../../../src/lib/process/tools.ts";
import { fakeTools } from "../../../helpers/fake-tools.ts";
import { tempDir } from "../../../helpers/temp.ts";

const { signal } = new AbortController();
const check = (requirement: Requirement, PATH: string, every = false) =>
  checkRequirement(requirement, { env: { PATH }, signal }, { every });

const pack = (name: string, more: Partial<Tool> = {}): Tool => ({
  name,
  reason: "pack it",
  package: `${name}-pkg`,
  ...more,
});

function program(folder: string, name: string, output: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho '${output}'\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("a tool", () => {
  const fussy = { ...USUAL_VERSION, objection: (version: string) => (version === "1.0" ? "loses files" : undefined) };

  it("is met by the first alternative that is there, and tells its version when asked", async () => {
    const folder = tempDir();
    const path = program(folder, "b", "b version 2.5.1 (2024)");
    const anyOf: [Tool, Tool] = [pack("a"), pack("b")];
    const common = { kind: "tool", what: "a or b", reason: "pack it", isMet: true };
    expect(await check({ kind: "tool", anyOf }, folder)).toEqual({ ...common, found: path });
    expect(await check({ kind: "tool", anyOf }, folder, true)).toEqual({ ...common, found: `${path} 2.5.1` });
  });

  it("passes over a version that cannot be used, and says so when there is no other", async () => {
    const folder = tempDir();
    const path = program(folder, "a", "a 1.0");
    const version = fussy;
    expect(await check({ kind: "tool", anyOf: [pack("a", { version })] }, folder)).toMatchObject({
      isMet: false,
      problem: `${path} 1.0 loses files`,
      fix: "sudo apt-get install -y a-pkg",
    });
    const other = program(folder, "b", "b 3");
    expect(await check({ kind: "tool", anyOf: [pack("a", { version }), pack("b")] }, folder)).toMatchObject({
      isMet: true,
      found: other,
    });
  });

  it("passes over a program that cannot do its work here, and says why when there is no other", async () => {
    const PATH = fakeTools({ a: '[ "$1" = ask ] && echo "no daemon" >&2; exit 1', b: "exit 0", c: "exit 1" });
    const ready = { argv: () => ["ask"], fix: "start the daemon" };
    const [a, b, c] = [pack("a", { ready }), pack("b", { ready }), pack("c", { ready })];
    expect(await check({ kind: "tool", anyOf: [a, b] }, PATH)).toMatchObject({ isMet: true, found: `${PATH}/b` });
    expect(await check({ kind: "tool", anyOf: [a, c] }, PATH)).toMatchObject({
      isMet: false,
      problem: `${PATH}/a cannot be used: no daemon; ${PATH}/c cannot be used: it fails without a word`,
      fix: "start the daemon",
    });
  });

  it("is installed by the package that is advised, or not at all", async () => {
    const { package: _package, ...unpackaged } = pack("a");
    const anyOf: [Tool, Tool, Tool] = [unpackaged, pack("b"), pack("c")];
    expect((await check({ kind: "tool", anyOf }, "/nowhere")).fix).toBe("sudo apt-get install -y b-pkg");
    const advised = pack("c");
    expect((await check({ kind: "tool", anyOf, advised }, "/nowhere")).fix).toBe("sudo apt-get install -y c-pkg");
    expect(await check({ kind: "tool", anyOf: [unpackaged] }, "/nowhere")).not.toHaveProperty("fix");
  });

  it("that is not there says what to install, or what to do instead", async () => {
    expect(await check({ kind: "tool", anyOf: [pack("a", { instead: "use b" }), pack("c")] }, "/nowhere")).toEqual({
      kind: "tool",
      what: "a or c",
      reason: "pack it",
      instead: "use b",
      isMet: false,
      problem: "a or c not found",
      fix: "sudo apt-get install -y a-pkg",
    });
  });
});

describe("the kernel and its user", () => {
  const { getuid } = process;
  afterEach(() => {
    if (getuid) process.getuid = getuid;
  });

  it("root is asked for", async () => {
    process.getuid = () => 1000;
    expect(await check({ kind: "root", reason: "mount" }, "")).toMatchObject({ isMet: false, what: "root" });
  });

  it("knows the filesystems of the kernel", async () => {
    const filesystem = (name: string): Requirement => ({ kind: "kernel-filesystem", name, reason: "mount it" });
    expect(await check(filesystem("tmpfs"), "")).toMatchObject({ isMet: true, what: "tmpfs in the kernel" });
    expect(await check(filesystem("nosuchfs"), process.env.PATH ?? "")).toMatchObject({
      isMet: false,
      problem: "this kernel cannot mount nosuchfs",
      fix: "sudo modprobe nosuchfs",
    });
  });
});
