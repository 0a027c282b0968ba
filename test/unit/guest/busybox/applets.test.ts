import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Applet, type AppletTable, readApplets } from "../../../../src/guest/busybox/applets.ts";
import { FOREIGN, foreignBusybox, listFull } from "../../../helpers/busybox.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";

const pathOf = ({ name, dir }: Applet): string => `${dir}/${name}`.replace(/^\/+/, "");

function expectSame(table: AppletTable | undefined, listed: readonly string[]): void {
  expect(table?.areLocated).toBe(true);
  expect(table?.applets.map(pathOf)).toEqual(listed);
}

describeWith("the machine's own BusyBox", [requireTools("busybox")], () => {
  it("is read as it lists itself", () => {
    expectSame(readApplets(readFileSync("/bin/busybox")), listFull("/bin/busybox"));
  });
});

describeWith("BusyBox of Debian", [requireTools("apt-get", "dpkg", ...Object.values(FOREIGN))], () => {
  it.each(Object.entries(FOREIGN))("for %s is read as it lists itself", (architecture, emulator) => {
    const path = foreignBusybox("busybox-static", architecture);
    expectSame(readApplets(readFileSync(path)), listFull(path, emulator));
  });

  it("that is linked dynamically is read as well", () => {
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const path = foreignBusybox("busybox", architecture);
    expectSame(readApplets(readFileSync(path)), listFull(path));
  });
});

const APPLETS: readonly [string, number][] = [
  ["[", 3],
  ["ash", 1],
  ["cat", 1],
  ["chroot", 4],
  ["init", 2],
  ["linuxrc", 0],
  ["ls", 1],
  ["wget", 3],
  ["zcat", 1],
];

function names(list: readonly (readonly [string, number])[] = APPLETS): Buffer {
  return Buffer.from(list.map(([name]) => `${name}\0`).join(""));
}

/** A nibble per applet, the low one first. */
function locations(list: readonly (readonly [string, number])[] = APPLETS): Buffer {
  const bytes = Buffer.alloc(Math.ceil(list.length / 2));
  for (const [index, [, folder]] of list.entries()) {
    bytes[index >> 1] = (bytes[index >> 1] ?? 0) | (folder << (index % 2 === 0 ? 0 : 4));
  }
  return bytes;
}

const LISTED = [
  "usr/bin/[",
  "bin/ash",
  "bin/cat",
  "usr/sbin/chroot",
  "sbin/init",
  "linuxrc",
  "bin/ls",
  "usr/bin/wget",
  "bin/zcat",
];
const noise = (length: number): Buffer => Buffer.alloc(length, 0xfd);

describe("a binary made up", () => {
  it.each([
    ["the names first", [noise(100), names(), noise(50), locations(), noise(100)]],
    ["the folders first", [noise(100), locations(), noise(7), Buffer.from([0]), names(), noise(10)]],
    [
      "other text just before the first name",
      [Buffer.from("\0junk \xff\x01["), names().subarray(1), noise(3), locations()],
    ],
    ["an earlier and shorter list", [Buffer.from("\0a\0b\0c\0d\0"), noise(3), Buffer.from([0]), names(), locations()]],
    ["a string before it that sorts first", [Buffer.from("\x001\0"), names(), noise(20), locations()]],
  ])("with %s", (_name, parts) => {
    expectSame(readApplets(Buffer.concat(parts)), LISTED);
  });

  it("without folders has all in /bin", () => {
    const table = readApplets(Buffer.concat([noise(10), Buffer.from([0]), names(), noise(10)]));
    expect(table?.areLocated).toBe(false);
    expect(table?.applets).toEqual(APPLETS.map(([name]) => ({ name, dir: "/bin" })));
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["no names", noise(1000)],
    ["names that no BusyBox has", Buffer.from("\0aaa\0bbb\0ccc\0ddd\0")],
    ["two names", Buffer.from("\0ls\0mv\0")],
  ])("with %s has no table", (_name, bytes) => {
    expect(readApplets(bytes)).toBeUndefined();
  });
});
