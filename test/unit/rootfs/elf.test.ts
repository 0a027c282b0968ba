import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readElf } from "../../../src/rootfs/elf.ts";

function elfOf(bytes: Buffer): ReturnType<typeof readElf> {
  return readElf((offset, length) => bytes.subarray(offset, offset + length));
}

test("a dynamically linked program names its interpreter, as readelf does", () => {
  const path = process.execPath;
  const interpreter = /interpreter: ([^\]]+)\]/.exec(execFileSync("readelf", ["-l", path]).toString())?.[1];
  expect(elfOf(readFileSync(path))).toEqual({ bits: 64, machine: "x86_64", interpreter });
});

test("a static program names none", () => {
  expect(elfOf(readFileSync("/bin/busybox"))).toEqual({ bits: 64, machine: "x86_64" });
});

test("a 32-bit big-endian header is read with its own widths", () => {
  const bytes = Buffer.alloc(52 + 32 + 20);
  bytes.write("\x7fELF\x01\x02\x01", 0, "latin1");
  bytes.writeUInt16BE(20, 18);
  bytes.writeUInt32BE(52, 28);
  bytes.writeUInt16BE(32, 42);
  bytes.writeUInt16BE(1, 44);
  bytes.writeUInt32BE(3, 52);
  bytes.writeUInt32BE(84, 56);
  bytes.writeUInt32BE(20, 68);
  bytes.write("/lib/ld.so.1\0junk", 84, "latin1");
  expect(elfOf(bytes)).toEqual({ bits: 32, machine: "ppc", interpreter: "/lib/ld.so.1" });
});

test.each([
  ["text", Buffer.from("#!/bin/sh\n")],
  ["nothing", Buffer.alloc(0)],
  ["a header cut short", readFileSync("/bin/busybox").subarray(0, 60)],
])("%s is not an ELF file", (_, bytes) => {
  expect(elfOf(bytes)).toBeUndefined();
});
