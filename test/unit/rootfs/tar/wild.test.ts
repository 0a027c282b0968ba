import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { LayerEntry } from "../../../../src/rootfs/layer.ts";
import { createTarIndexer } from "../../../../src/rootfs/tar/read.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";
import { base256, tar } from "../../../helpers/tar-writer.ts";
import { tempDir } from "../../../helpers/temp.ts";

function read(archive: Buffer, step = archive.length): { entries: LayerEntry[]; warnings: string[] } {
  const entries: LayerEntry[] = [];
  const warnings: string[] = [];
  const options = {
    label: "x.tar",
    storedFile: "/x",
    warn: ({ message }: { message: string }) => void warnings.push(message),
  };
  const indexer = createTarIndexer(options, (entry) => void entries.push(entry));
  for (let at = 0; at < archive.length; at += step) indexer.write(archive.subarray(at, at + step));
  indexer.end();
  return { entries, warnings };
}

describe("numbers as writers put them", () => {
  const zeros = "0".repeat(30);
  test.each([
    ["leading zeros", { uid: `${zeros}1000`, mtime: `${zeros}1700000000.5`, size: `${zeros}5` }],
    ["blanks", { uid: " 1000", mtime: " 1700000000.5 ", size: "5 " }],
    ["signs", { uid: "+1000", mtime: "+1700000000.5", size: "+5" }],
    ["NULs behind", { uid: "1000\0", mtime: "1700000000.5\0", size: "5\0" }],
    ["many digits behind the point", { uid: "1000", mtime: `1700000000.5${zeros}`, size: "5" }],
  ])("in PAX, with %s", (_, records) => {
    const { entries } = read(tar({ name: "f", data: "hello", size: 0, pax: Object.entries(records) }, { name: "g" }));
    expect(entries.map(({ path }) => path)).toEqual(["f", "g"]);
    expect(entries[0]).toMatchObject({
      size: 5,
      metadata: { uid: 1000, mtime: { sec: 1_700_000_000, nsec: 500_000_000 } },
    });
  });

  test.each([
    ["no terminator", "00001750"],
    ["blanks on both sides", " 01750  "],
    ["NULs before", "\0\x001750\0"],
    ["a sign", "+001750\0"],
  ])("in a header, with %s", (_, field) => {
    expect(read(tar({ name: "f", uid: Buffer.from(field) })).entries[0]?.metadata.uid).toBe(0o1750);
  });

  test("a negative octal time", () => {
    const { entries } = read(tar({ name: "f", mtime: Buffer.from("-0000000144\0") }));
    expect(entries[0]?.metadata.mtime).toEqual({ sec: -100, nsec: 0 });
  });

  test("times that no double holds are the furthest there is", () => {
    const far = Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)]);
    expect(read(tar({ name: "f", mtime: far })).entries[0]?.metadata.mtime.sec).toBe(2 ** 52);
    const pax = [["mtime", "9223372036854775807"]] as const;
    expect(read(tar({ name: "f", pax })).entries[0]?.metadata.mtime.sec).toBe(2 ** 52);
  });

  test.each([
    ["an owner of 64 bits", { uid: "9223372036854775807" }, "the owner of f cannot be read"],
    ["a size of 64 bits", { size: "9223372036854775807" }, "unpacks to more than"],
    ["a size of no digits", { size: "five" }, "the size of an entry cannot be read"],
  ])("%s is an error", (_, records, message) => {
    expect(() => read(tar({ name: "f", pax: Object.entries(records) }))).toThrow(message);
  });
});

describe("ids that mean none", () => {
  test.each([
    [
      "in PAX",
      {
        pax: [
          ["uid", "4294967295"],
          ["gid", "-1"],
        ] as const,
      },
    ],
    ["in base-256", { uid: base256(4_294_967_295, 8), gid: base256(-1, 8) }],
  ])("%s, are root's, with a warning", (_, ids) => {
    const { entries, warnings } = read(tar({ name: "f", ...ids }, { name: "g", uid: 5 }));
    expect(entries.map(({ metadata: { uid, gid } }) => [uid, gid])).toEqual([
      [0, 0],
      [5, 0],
    ]);
    expect(warnings).toEqual(["x.tar: belongs to root now, since the id 4294967295 (-1) means none: f, f"]);
  });
});

describe("many warnings are one", () => {
  test("of each kind, with the first few named", () => {
    const odd = Array.from({ length: 1000 }, (_, i) => ({ name: `odd${i}`, type: "Z" }));
    const { warnings } = read(tar(...odd, { name: "f", uid: base256(-1, 8) }));
    expect(warnings).toEqual([
      'x.tar: left out, being of a type that fledge does not know: odd0 ("Z"), odd1 ("Z"), odd2 ("Z"), odd3 ("Z"), odd4 ("Z") and 995 more',
      "x.tar: belongs to root now, since the id 4294967295 (-1) means none: f",
    ]);
  });
});

describe("what is no tar is called what it is", () => {
  const disk = (at: number, magic: Buffer): Buffer => {
    const image = Buffer.alloc(64 * 1024);
    magic.copy(image, at);
    return image;
  };
  const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
  const kinds: readonly (readonly [string, Buffer, string])[] = [
    ["a zip archive", bytes("PK\x03\x04\x14\0\0\0"), "bsdtar"],
    ["a zip archive", bytes(`PK\x05\x06${"\0".repeat(18)}`), "bsdtar"],
    ["a 7z archive", bytes("7z\xbc\xaf\x27\x1c\0\x04"), "bsdtar"],
    ["a RAR archive", bytes("Rar!\x1a\x07\x01\0"), "bsdtar"],
    ["compressed with lzip", bytes("LZIP\x01\x0c"), "lzip -dc"],
    ["compressed with lzma", bytes(`\x5d\0\0\x80\0${"\xff".repeat(8)}\0abc`), "xz -dc --format=lzma"],
    ["compressed with compress (.Z)", bytes("\x1f\x9d\x90abc"), "gzip -dc"],
    ["compressed with lzop", bytes("\x89LZO\0\r\n\x1a\n"), "lzop -dc"],
    ["compressed with zlib", deflateSync(Buffer.alloc(5000, "x")), "zlib-flate"],
    ["gzip data inside of what was unpacked", gzipSync("x"), "packed twice"],
    [
      "a Debian package",
      bytes("!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\n"),
      "dpkg-deb",
    ],
    ["an ar archive", bytes("!<arch>\nhello.o/        0           0     0     644     4         `\nabc\n"), "bsdtar"],
    ["an RPM package", bytes("\xed\xab\xee\xdb\x03\0"), "bsdtar"],
    ["an ISO 9660 image", disk(0x8001, bytes("CD001")), "bsdtar"],
    ["an ext2, ext3 or ext4 image", disk(0x438, bytes("\x53\xef")), "source.dir"],
    ["a squashfs image", disk(0, bytes("hsqs")), "sqfs2tar"],
    ["a qcow2 disk", disk(0, bytes("QFI\xfb")), "source.dir"],
    ["a disk with a boot sector", disk(510, bytes("\x55\xaa")), "source.dir"],
    ["a web page", bytes("<!DOCTYPE html>\n<html><title>404</title></html>"), "login"],
    ["a JSON document", bytes('{ "errors": [] }'), "login"],
    ["a pointer of Git LFS", bytes("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"],
  ];

  test.each(kinds)("%s", (is, start, hint) => {
    const expected = expect.objectContaining({
      code: "source",
      message: `x.tar is no tar archive but ${is}`,
      hint: expect.stringContaining(hint),
    });
    const long = Buffer.concat([start, Buffer.alloc(Math.max(0, 8192 - start.length), "z")]);
    for (const file of [start, long]) {
      expect(() => read(file)).toThrow(expected);
      expect(() => read(file, 400)).toThrow(expected);
    }
  });

  describeWith("by the programs that make them", [requireTools("lz4", "zip", "cpio", "bsdtar")], () =>
    test("each", () => {
      const dir = tempDir();
      writeFileSync(join(dir, "f"), "hello".repeat(1000));
      const made: readonly (readonly [string, string, string])[] = [
        ["lz4 -q f out", "out", "compressed with lz4"],
        ["zip -q out.zip f", "out.zip", "a zip archive"],
        ["echo f | cpio -o -H newc > out.cpio", "out.cpio", "a cpio archive"],
        ["echo f | cpio -o > out.bin", "out.bin", "a cpio archive of the old binary format"],
        ["bsdtar --format=7zip -cf out.7z f", "out.7z", "a 7z archive"],
        ["bsdtar --format=iso9660 -cf out.iso f", "out.iso", "an ISO 9660 image"],
        ["bsdtar --format=ar -cf out.a f", "out.a", "an ar archive"],
        ["bsdtar --format=xar -cf out.xar f", "out.xar", "a xar archive"],
      ];
      for (const [command, file, is] of made) {
        spawnSync("sh", ["-c", command], { cwd: dir });
        const path = join(dir, file);
        if (!existsSync(path) && file === "out.xar") continue; // Not in every build of libarchive.
        expect(() => read(readFileSync(path)), command).toThrow(`x.tar is no tar archive but ${is}`);
      }
    }),
  );

  test("a file whose name looks like one is a file", () => {
    for (const name of ["LZIP", "PK\x03\x04", "070701", '{"a"}']) {
      expect(read(tar({ name })).entries[0]?.path).toBe(name);
    }
  });
});
