import { describe, expect, it } from "vitest";
import { isProgram, whyNotRunnable } from "../../../src/guest/executables.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

/** The head of an ELF file, with one PT_INTERP where an interpreter is named. */
function elf(machine: number, bits: 32 | 64 = 64, interpreter?: string): Buffer {
  const bytes = Buffer.alloc(256);
  const is64 = bits === 64;
  bytes.write("\x7fELF", "latin1");
  bytes.set([is64 ? 2 : 1, 1, 1], 4);
  bytes.writeUInt16LE(machine, 18);
  if (interpreter === undefined) return bytes;
  bytes.writeUInt32LE(64, is64 ? 32 : 28);
  bytes.writeUInt16LE(is64 ? 56 : 32, is64 ? 54 : 42);
  bytes.writeUInt16LE(1, is64 ? 56 : 44);
  bytes.writeUInt32LE(3, 64);
  bytes.writeUInt32LE(128, 64 + (is64 ? 8 : 4));
  bytes.writeUInt32LE(interpreter.length + 1, 64 + (is64 ? 32 : 16));
  bytes.write(interpreter, 128, "latin1");
  return bytes;
}

const X86_64 = 62;
const LOADER = "/lib64/ld-linux-x86-64.so.2";

function why(content: Buffer | string, prepare: (rootfs: RootfsTree) => void = () => {}, architecture = "amd64") {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/bin/app", content, { mode: 0o755 });
  prepare(rootfs);
  return whyNotRunnable(rootfs, "/bin/app", architecture);
}

describe("a program runs", () => {
  it.each<[string, Buffer | string, string]>([
    ["a static one", elf(X86_64), "amd64"],
    ["for arm64", elf(183), "arm64"],
    ["for 32-bit arm", elf(40, 32), "arm"],
    ["for an architecture that fledge does not know", elf(999), "mips"],
    ["with its loader there", elf(X86_64, 64, LOADER), "amd64"],
    ["a script", "#! /bin/sh -e\n", "amd64"],
    ["a script of a script", "#!/bin/script\n", "amd64"],
  ])("%s", (_name, content, architecture) => {
    const prepare = (rootfs: RootfsTree): void => {
      rootfs.writeFile(LOADER, elf(X86_64), { mode: 0o755 });
      rootfs.writeFile("/bin/sh", elf(X86_64), { mode: 0o755 });
      rootfs.writeFile("/bin/script", "#!/bin/sh\n", { mode: 0o755 });
    };
    expect(why(content, prepare, architecture)).toBeUndefined();
  });
});

describe("a program does not run", () => {
  it.each<[string | Buffer, string, string | undefined]>([
    ["text", "is neither an ELF program nor a script that begins with #!", undefined],
    ["", "is neither an ELF program nor a script that begins with #!", undefined],
    ["#!\n", "names no interpreter after #!", undefined],
    ["#!/bin/sh\r\n", "has Windows line ends, its #! line too", "convert it with dos2unix"],
    ["#!/bin/none\n", "needs the interpreter /bin/none, which does not exist in the guest", undefined],
    ["#!none\n", "needs the interpreter none, which is not an absolute path", undefined],
    ["#!/bin/app\n", `${"needs the interpreter /bin/app, which ".repeat(4)}has too many interpreters`, undefined],
    [elf(183), "is a 64-bit aarch64 program, but the guest is amd64", "build it for linux/amd64"],
    [elf(3, 32), "is a 32-bit i386 program, but the guest is amd64", "build it for linux/amd64"],
    [elf(X86_64, 32), "is a 32-bit x86_64 program, but the guest is amd64", "build it for linux/amd64"],
    [
      elf(X86_64, 64, LOADER),
      `is dynamically linked and needs ${LOADER}, which the guest does not have`,
      "link it statically (CGO_ENABLED=0, -static), or map the loader and its libraries too",
    ],
  ])("%#: %j", (content, reason, hint) => {
    expect(why(content)).toEqual({ why: reason, ...(hint !== undefined && { hint }) });
  });

  it("without the right to", () => {
    expect(why(elf(X86_64), (rootfs) => rootfs.chmod("/bin/app", 0o644))).toEqual({
      why: "is not executable",
      hint: 'rootfs.chmod("/bin/app", 0o755) in a hook',
    });
  });

  it("that is a folder, or not there", () => {
    const rootfs = new RootfsTree();
    rootfs.mkdir("/srv");
    rootfs.symlink("/nowhere", "/dangling");
    expect(whyNotRunnable(rootfs, "/srv", "amd64")).toEqual({ why: "is a dir, not a program" });
    expect(whyNotRunnable(rootfs, "/none", "amd64")).toEqual({ why: "does not exist in the guest" });
    expect(whyNotRunnable(rootfs, "/dangling", "amd64")).toEqual({ why: "does not exist in the guest" });
  });
});

it("a program is told from data", () => {
  const rootfs = new RootfsTree();
  for (const [path, content] of Object.entries({ "/a": "#!/bin/sh", "/b": elf(1), "/c": "#", "/d": "" })) {
    rootfs.writeFile(path, content);
  }
  expect(["/a", "/b", "/c", "/d"].map((path) => isProgram(rootfs, path))).toEqual([true, true, false, false]);
});
