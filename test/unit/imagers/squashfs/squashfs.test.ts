import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { squashfsImager } from "../../../../src/imagers/squashfs/index.ts";
import { holdable } from "../../../../src/imagers/squashfs/limits.ts";
import { resolveSquashfsOptions, type SquashfsOptions } from "../../../../src/imagers/squashfs/options.ts";
import { PACKERS, READER_NEEDED } from "../../../../src/imagers/squashfs/packers.ts";
import type { Inode } from "../../../../src/rootfs/node.ts";
import type { SealedInode } from "../../../../src/rootfs/seal.ts";
import { testContext } from "../../../helpers/context.ts";
import { device, dir, file, pipe, seal } from "../../../helpers/inodes.ts";
import { tempDir } from "../../../helpers/temp.ts";

const [tar2sqfs, mksquashfs] = PACKERS;
const [sqfs2tar] = READER_NEEDED.anyOf;
const resolve = (options: Partial<SquashfsOptions> = {}) => resolveSquashfsOptions({ type: "squashfs", ...options });
const facts = {
  stampSec: 7,
  root: seal(dir({}, { mode: 0o1750, uid: 1, gid: 2, mtime: { sec: 9, nsec: 5 } })).inodes[0] as SealedInode,
};

test.each([
  [
    {},
    ["--compressor", "zstd", "--comp-extra", "level=9", "--block-size", "524288", "--no-skip", "--quiet", "/o"],
    ["-comp", "zstd", "-Xcompression-level", "9", "-b", "524288"],
  ],
  [
    { compression: "gzip", compressionLevel: 3, blockSize: "1M" },
    ["--compressor", "gzip", "--comp-extra", "level=3", "--block-size", "1048576", "--no-skip", "--quiet", "/o"],
    ["-comp", "gzip", "-Xcompression-level", "3", "-b", "1048576"],
  ],
  [
    { compression: "xz", blockSize: 4096 },
    ["--compressor", "xz", "--block-size", "4096", "--no-skip", "--quiet", "/o"],
    ["-comp", "xz", "-b", "4096"],
  ],
] as const)("the arguments for %o", (options, ng, mk) => {
  expect(tar2sqfs.argv("/o", resolve(options), facts)).toEqual(ng);
  const root = ["-root-mode", "1750", "-root-uid", "1", "-root-gid", "2", "-root-time", "9"];
  const times = ["-mkfs-time", "7", ...root, "-no-progress", "-quiet"];
  expect(mksquashfs.argv("/o", resolve(options), facts)).toEqual(["-", "/o", "-tar", ...mk, ...times]);
  expect(tar2sqfs.env(7)).toEqual({ SOURCE_DATE_EPOCH: "7" });
  expect(mksquashfs.env(7)).toEqual({ SOURCE_DATE_EPOCH: undefined });
});

test.each([
  [{ compressionLevel: 23 }, /22/],
  [{ compression: "gzip", compressionLevel: 10 }, /10 is no level of gzip, which has the levels 1 to 9/],
  [{ compression: "lzo", compressionLevel: 22 }, /22 is no level of lzo/],
  [{ compression: "xz", compressionLevel: 6 }, /6 is no level of xz, which has no levels/],
  [{ compression: "lz4", compressionLevel: 1 }, /lz4, which has no levels/],
  [{ blockSize: "100K" }, /not a block size/],
  [{ blockSize: "2M" }, /not a block size/],
  [{ blockSize: 2048 }, /not a block size/],
] as const)("%o is refused", (options, message) => {
  expect(() => resolve(options)).toThrow(message);
});

test("the levels that are taken where none is given", () => {
  const levels = (["zstd", "gzip", "lzo", "xz", "lz4"] as const).map((compression) => resolve({ compression }).level);
  expect(levels).toEqual([9, 9, 8, undefined, undefined]);
  expect(resolve({ overlaySize: "1G" }).overlayBytes).toBe(2 ** 30);
});

test.each([
  ["4.4", /cannot read a tar/],
  ["4.5.1", /symlink targets/],
  ["4.6", /fragments/],
  ["4.6.1", undefined],
  ["4.7", /damaged images/],
  ["4.7.4", /damaged images/],
  ["4.7.5", undefined],
  ["5.0", undefined],
])("mksquashfs %s", (version, objection) => {
  const found = mksquashfs.version?.objection?.(version);
  expect(found ?? "").toMatch(objection ?? /^$/);
});

test.each([
  ["0.8", true],
  ["1.1.4", true],
  ["1.2.0", false],
  ["1.3.2", false],
])("squashfs-tools-ng %s", (version, isRefused) => {
  expect(tar2sqfs.version?.objection?.(version) !== undefined).toBe(isRefused);
  expect(sqfs2tar.version?.objection?.(version) !== undefined).toBe(isRefused);
});

test("versions as the tools print them", () => {
  expect(mksquashfs.version?.parse("mksquashfs version 4.6.1 (2023/03/25)\ncopyright (C) 2023")).toBe("4.6.1");
  expect(tar2sqfs.version?.parse("tar2sqfs (squashfs-tools-ng) 1.2.0\nCopyright (c) 2019")).toBe("1.2.0");
});

test("mksquashfs is not given what it would lose", () => {
  const late = seal(dir({ f: file("", { mtime: { sec: 2 ** 31, nsec: 0 } }) }));
  expect(() => mksquashfs.assertCarries?.(late)).toThrow(/after January 2038/);
  const labelled = seal(dir({}, { xattrs: new Map([["user.a", Buffer.from("b")]]) }));
  expect(() => mksquashfs.assertCarries?.(labelled)).toThrow(/attributes of the root/);
  expect(() => mksquashfs.assertCarries?.(seal(dir({ f: file() })))).not.toThrow();
});

test("what is lost is said, by name", () => {
  const ctx = testContext();
  const acl = new Map([["system.posix_acl_access", Buffer.from("x")]]);
  const held = holdable(
    seal(
      dir({
        acl: file("", { xattrs: new Map([...acl, ["user.kept", Buffer.from("y")]]) }),
        old: file("", { mtime: { sec: -5, nsec: 3 } }),
        later: file("", { mtime: { sec: 2 ** 33, nsec: 0 } }),
        socket: pipe("socket"),
        fine: file("", { mtime: { sec: 5, nsec: 999 } }),
      }),
    ),
    ctx,
  );
  expect(ctx.warnings.map(({ message }) => message)).toEqual([
    "sockets are left out of a squashfs: /socket",
    expect.stringMatching(/user\.\*, trusted\.\* and security\.\*, .*; lost: \/acl \(system\.posix_acl_access\)$/),
    expect.stringMatching(/1970 to 2106; changed: \/later, \/old$/),
  ]);
  expect(held.entries.map(({ path }) => path)).toEqual(["", "acl", "fine", "later", "old"]);
  expect([...(held.entries[1]?.inode.node.xattrs.keys() ?? [])]).toEqual(["user.kept"]);
  expect(held.entries.slice(2).map(({ inode }) => inode.mtime.sec)).toEqual([5, 0xffffffff, 0]);
});

test("device numbers and owners beyond the format are errors", () => {
  expect(() => holdable(seal(dir({ d: device("char", 4096, 0) })), testContext())).toThrow(/device number 4096:0/);
  const files = Array.from({ length: 66_000 }, (_, uid): [string, Inode] => [`${uid}`, file("", { uid })]);
  expect(() => holdable(seal(dir(files)), testContext())).toThrow(/65535 different owners/);
});

test("a tool that fails is quoted, and one that is too old is refused by name", async () => {
  const folder = tempDir();
  const script = (name: string, text: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  script("tar2sqfs", 'case "$1" in --version) echo "tar2sqfs 1.2.0";; *) echo "no space" >&2; exit 1;; esac');
  const write = () =>
    squashfsImager.write(seal(dir()), join(folder, "out"), resolve(), testContext({ env: { PATH: folder } }));
  await expect(write()).rejects.toThrow(/failed: no space/);
  script("tar2sqfs", 'echo "tar2sqfs 1.1.0"');
  script("mksquashfs", 'echo "mksquashfs version 4.5.1 (2022/03/17)"');
  await expect(write()).rejects.toMatchObject({
    code: "tool",
    message: expect.stringMatching(/tar2sqfs 1\.1\.0 has wrong folder sizes.*; .*mksquashfs 4\.5\.1 takes the leading/),
    hint: expect.stringMatching(/^sudo apt-get install -y squashfs-tools-ng, or filesystem.type = "ext4"/),
  });
});

test("an abort ends the tool", async () => {
  const folder = tempDir();
  writeFileSync(
    join(folder, "tar2sqfs"),
    `#!/bin/sh\n[ "$1" = --version ] && echo 1.2.0 && exit\necho $$ >${folder}/pid; exec /bin/sleep 1000\n`,
  );
  chmodSync(join(folder, "tar2sqfs"), 0o755);
  const controller = new AbortController();
  const ctx = testContext({ env: { PATH: folder }, signal: controller.signal });
  const writing = squashfsImager.write(seal(dir()), join(folder, "out"), resolve(), ctx);
  const settled = expect(writing).rejects.toMatchObject({ code: "aborted" });
  await expect.poll(() => readdirSync(folder)).toContain("pid");
  controller.abort();
  await settled;
  expect(existsSync(join(folder, "out"))).toBe(false);
});
