import { describe, expect, test } from "vitest";
import { aclFromDisk, aclToDisk } from "../../../../../src/imagers/ext4/structures/acl.ts";
import {
  assertStorableTime,
  encodeDevice,
  encodeInode,
  encodeTime,
} from "../../../../../src/imagers/ext4/structures/inode.ts";
import { encodeJournalSuperblock, journalBlocksFor } from "../../../../../src/imagers/ext4/structures/journal.ts";
import { cutLabel } from "../../../../../src/imagers/ext4/structures/superblock.ts";

describe("times", () => {
  // The table of the kernel's inodes.rst: the two extra bits carry the epoch.
  test.each([
    [-(2 ** 31), 0, -(2 ** 31), 0],
    [-1, 0, -1, 0],
    [0, 999_999_999, 0, 999_999_999 * 4],
    [2 ** 31 - 1, 0, 2 ** 31 - 1, 0],
    [2 ** 31, 0, -(2 ** 31), 1],
    [2 ** 32 - 1, 1, -1, 1 * 4 + 1],
    [2 ** 32, 0, 0, 1],
    [2 ** 33 + 2 ** 31, 0, -(2 ** 31), 3],
    [2 ** 34 - 2 ** 31 - 1, 0, 2 ** 31 - 1, 3],
  ])("%d seconds, %d nanoseconds", (sec, nsec, seconds, extra) => {
    expect(encodeTime({ sec, nsec })).toEqual({ seconds, extra });
  });

  test.each([-(2 ** 31) - 1, 2 ** 34 - 2 ** 31])("%d is out of reach", (sec) => {
    expect(() => assertStorableTime({ sec, nsec: 0 }, "/a/b")).toThrow(/^\/a\/b: .*modification time/);
  });
});

describe("device numbers", () => {
  test.each([
    [1, 3, "0301000000000000"],
    [255, 255, "ffff000000000000"],
    [256, 0, "0000000000000100"],
    [0, 256, "0000000000001000"],
    [259, 65_537, "0000000001030110"],
    [4095, 1_048_575, "00000000ffffffff"],
  ])("%d:%d", (major, minor, hex) => {
    const iBlock = Buffer.alloc(8);
    encodeDevice(iBlock, major, minor);
    expect(iBlock.toString("hex")).toBe(hex);
  });
});

describe("inode fields", () => {
  const fields = {
    mode: 0o100644,
    uid: 0,
    gid: 0,
    mtime: { sec: 0, nsec: 0 },
    links: 1,
    sizeBytes: 0,
    blocks: 0,
    flags: 0,
    xattrBlock: 0,
  };
  const encode = (changes: Partial<typeof fields>): Buffer => {
    const out = Buffer.alloc(256);
    encodeInode(out, { ...fields, ...changes });
    return out;
  };

  test("32-bit owners in two halves", () => {
    const inode = encode({ uid: 0x12345678, gid: 0xfffffffe });
    expect([inode.readUInt16LE(0x02), inode.readUInt16LE(0x78)]).toEqual([0x5678, 0x1234]);
    expect([inode.readUInt16LE(0x18), inode.readUInt16LE(0x7a)]).toEqual([0xfffe, 0xffff]);
  });

  test("sizes past 4 GiB", () => {
    const inode = encode({ sizeBytes: 5 * 2 ** 32 + 7, blocks: 2 ** 30 });
    expect([inode.readUInt32LE(0x04), inode.readUInt32LE(0x6c)]).toEqual([7, 5]);
    expect([inode.readUInt32LE(0x1c), inode.readUInt16LE(0x74)]).toEqual([0, 2]);
  });

  test.each([
    [65_000, 65_000],
    [65_001, 1],
    [200_000, 1],
  ])("%d links are stored as %d", (links, onDisk) => {
    expect(encode({ links }).readUInt16LE(0x1a)).toBe(onDisk);
  });
});

describe("POSIX ACLs", () => {
  // setfacl -m u:1000:rwx: user::rw-, user:1000:rwx, group::r--, mask::rwx, other::r--
  const syscall = Buffer.from(
    "02000000" + "01000600ffffffff" + "02000700e8030000" + "04000400ffffffff" + "10000700ffffffff" + "20000400ffffffff",
    "hex",
  );
  const disk = Buffer.from("01000000" + "01000600" + "02000700e8030000" + "04000400" + "10000700" + "20000400", "hex");

  test("to disk: version 1, ids only where someone is named", () => {
    expect(aclToDisk(syscall, "/x").toString("hex")).toBe(disk.toString("hex"));
  });
  test("and back", () => {
    expect(aclFromDisk(disk, "/x").toString("hex")).toBe(syscall.toString("hex"));
  });
  test.each([
    ["empty", Buffer.alloc(0)],
    ["of another version", Buffer.from("01000000", "hex")],
    ["cut off", syscall.subarray(0, 10)],
    ["of an unknown tag", Buffer.from("0200000003000700ffffffff", "hex")],
  ])("%s is an error that names the path", (_, value) => {
    expect(() => aclToDisk(value, "/x: system.posix_acl_access")).toThrow(/^\/x: system.posix_acl_access/);
  });
  test.each(["010000000200", "0100000002000700e803", "02000000"])("%s on disk is an error", (hex) => {
    expect(() => aclFromDisk(Buffer.from(hex, "hex"), "/x")).toThrow(/not a POSIX ACL/);
  });
});

describe("journal", () => {
  test("its superblock is big-endian and empty", () => {
    const block = Buffer.alloc(4096);
    encodeJournalSuperblock(block, 1024, Buffer.alloc(16, 0xab));
    expect(block.toString("hex", 0, 32)).toBe(
      "c03b3998" + "00000004" + "00000000" + "00001000" + "00000400" + "00000001" + "00000001" + "00000000",
    );
    expect(block.toString("hex", 32, 72)).toBe(`${"00".repeat(16)}${"ab".repeat(16)}0000000100000000`);
  });

  test.each([
    [1, 4],
    [1024, 4],
    [1025, 16],
    [8192, 16],
    [8193, 64],
    [1_000_000, 64],
  ])("an image of %d MiB has a journal of %d MiB", (image, journal) => {
    expect(journalBlocksFor(image * 256)).toBe(journal * 256);
  });
});

test.each([
  ["short", "short"],
  ["sixteen bytes ok", "sixteen bytes ok"],
  ["seventeen bytes !", "seventeen bytes "],
  ["ééééééééé", "éééééééé"],
  ["abcdefghijklmno😀", "abcdefghijklmno"],
])("label %s is cut to %s", (label, cut) => {
  expect(cutLabel(label).toString("utf8")).toBe(cut);
});
