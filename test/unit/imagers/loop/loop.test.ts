import { describe, expect, it } from "vitest";
import { btrfs } from "../../../../src/imagers/loop/btrfs.ts";
import { ext4 } from "../../../../src/imagers/loop/ext4.ts";
import { cutLabel, type Format } from "../../../../src/imagers/loop/filesystem.ts";
import { loopImager } from "../../../../src/imagers/loop/index.ts";
import { assertStorable } from "../../../../src/imagers/loop/limits.ts";
import { MOUNT_POINT, mountArgv } from "../../../../src/imagers/loop/mounted.ts";
import { resolveMountedOptions } from "../../../../src/imagers/loop/options.ts";
import { usageOf } from "../../../../src/imagers/loop/usage.ts";
import { xfs } from "../../../../src/imagers/loop/xfs.ts";
import type { Inode } from "../../../../src/rootfs/node.ts";
import { ext4Options } from "../../../helpers/ext4.ts";
import { device, dir, file, seal, symlink } from "../../../helpers/inodes.ts";

const MIB = 2 ** 20;
const FORMAT: Format = {
  image: "/out/.web.tmp",
  sizeBytes: 400 * MIB,
  inodes: 5000,
  label: "a label of 20 bytes!",
  uuid: "01234567-89ab-cdef-0123-456789abcdef",
  hashSeed: "76543210-89ab-cdef-0123-456789abcdef",
};

describe("the argv of", () => {
  it("mkfs.xfs", () => {
    expect(xfs.mkfs(FORMAT)).toEqual({
      tool: "mkfs.xfs",
      argv: [
        ...["-q", "-K", "-b", "size=4096"],
        ...["-m", `crc=1,finobt=1,reflink=1,rmapbt=0,bigtime=1,inobtcount=1,uuid=${FORMAT.uuid}`],
        ...["-i", "size=512,sparse=1", "-d", "file,name=/out/.web.tmp,size=419430400", "-s", "size=512"],
        ...["-L", "a label of 2"],
      ],
    });
  });

  it("mkfs.btrfs, which sees no block devices", () => {
    const { tool, argv } = btrfs.mkfs(FORMAT);
    expect(tool).toBe("unshare");
    expect(argv.slice(0, 8)).toEqual([
      ...["--mount", "--propagation", "private", "--", "sh", "-euc"],
      ...['mount --bind /dev/null /proc/partitions; exec "$@"', "sh"],
    ]);
    expect(argv.slice(8)).toEqual([
      ...["mkfs.btrfs", "--quiet", "--force", "--nodiscard", "--mixed", "--metadata", "single", "--data", "single"],
      ...["--nodesize", "4096", "--sectorsize", "4096", "--byte-count", "419430400"],
      ...["--uuid", FORMAT.uuid, "--label", FORMAT.label, FORMAT.image],
    ]);
  });

  it("mke2fs, with and without a journal", () => {
    const features =
      "none,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";
    const rest = [
      ...["-b", "4096", "-I", "256", "-m", "0", "-N", "5000"],
      ...["-E", `nodiscard,lazy_itable_init=0,root_owner=0:0,hash_seed=${FORMAT.hashSeed}`],
      ...["-U", FORMAT.uuid, "-L", "a label of 20 by", FORMAT.image, "102400"],
    ];
    expect(ext4({ journal: false }).mkfs(FORMAT).argv).toEqual(["-q", "-F", "-O", features, ...rest]);
    expect(ext4({ journal: true }).mkfs(FORMAT).argv).toEqual([
      ...["-q", "-F", "-O", `${features},has_journal`, "-J", "size=4"],
      ...rest,
    ]);
  });

  it("what changes a size, and what checks", () => {
    expect(xfs.resizeMounted?.(8192, "/m")).toEqual({ tool: "xfs_growfs", argv: ["-D", "2", "/m"] });
    expect(btrfs.resizeMounted?.(8192, "/m")).toEqual({ tool: "btrfs", argv: ["filesystem", "resize", "8192", "/m"] });
    expect(ext4({ journal: true }).resizeOffline?.("i", 8192)).toEqual([
      { tool: "e2fsck", argv: ["-f", "-p", "i"] },
      { tool: "resize2fs", argv: ["i", "8K"] },
    ]);
    expect(xfs.check("i")).toEqual({ tool: "xfs_repair", argv: ["-n", "-f", "i"] });
    expect(btrfs.check("i")).toEqual({ tool: "btrfs", argv: ["check", "--readonly", "i"] });
    expect(ext4({ journal: true }).check("i")).toEqual({ tool: "e2fsck", argv: ["-f", "-n", "i"] });
  });

  it("unshare, with nothing of the caller's in what the shell reads", () => {
    const argv = mountArgv({ image: "/a b/$(x)", type: "xfs", options: "ro", line: 'ls "$1"', argv: ["'"] });
    expect(argv.slice(0, 6)).toEqual(["--mount", "--propagation", "private", "--", "sh", "-euc"]);
    expect(argv[6]).toContain(`mount -t "$1" -o "$2" "$3" ${MOUNT_POINT}`);
    expect(argv.slice(7)).toEqual(["sh", "xfs", "loop,nosuid,nodev,noatime,ro", "/a b/$(x)", 'ls "$1"', "'"]);
  });
});

describe("sizes", () => {
  it("what a tree takes is counted once for each inode", () => {
    const twice = file(Buffer.alloc(5000, 1), { xattrs: new Map([["user.a", Buffer.alloc(10)]]) });
    const tree = seal(dir({ a: twice, bc: twice, small: file("x"), link: symlink("target"), d: dir() }));
    expect(usageOf(tree)).toEqual({
      ...{ inodes: 5, directories: 2, dataBlocks: 3, smallFiles: 1, smallBytes: 1, extents: 2 },
      ...{ names: 6, nameBytes: 13, symlinks: 1, targetBytes: 6, xattrs: 1, xattrBytes: 16 },
    });
  });

  it.each([xfs, btrfs, ext4({ journal: true })])(
    "$type: the headroom is on top, and a full disk is not far away",
    (fs) => {
      const tree = seal(
        dir(Array.from({ length: 100 }, (_, i): [string, Inode] => [`${i}`, file(Buffer.alloc(MIB, 1))])),
      );
      const [none, some] = [fs.sizeFor(usageOf(tree), 0), fs.sizeFor(usageOf(tree), 64 * MIB)];
      expect(some - none).toBeGreaterThanOrEqual(64 * MIB);
      expect(none).toBeGreaterThan(100 * MIB);
      expect(none).toBeLessThan(220 * MIB);
    },
  );

  it("xfs only grows; btrfs is resized from 256 MiB on", () => {
    expect([xfs.canResize(400 * MIB, 500 * MIB), xfs.canResize(500 * MIB, 400 * MIB)]).toEqual([true, false]);
    expect([btrfs.canResize(500 * MIB, 256 * MIB), btrfs.canResize(300 * MIB, 200 * MIB)]).toEqual([true, false]);
  });

  it("labels are cut between characters", () => {
    expect(cutLabel("größe", 5)).toBe("grö");
    expect(cutLabel("größe", 4)).toBe("grö");
    expect(cutLabel("größe", 3)).toBe("gr");
  });
});

describe("what a filesystem cannot hold is an error that names the path", () => {
  it.each([
    [xfs, symlink("t".repeat(1024)), "/d/x has a target of 1024 bytes; xfs cannot hold it"],
    [xfs, device("char", 1, 2 ** 18), "/d/x has the device number 1:262144; xfs cannot hold it"],
    [xfs, device("char", 512, 0), "/d/x has the device number 512:0; xfs cannot hold it"],
    [btrfs, symlink("t".repeat(3950)), "/d/x has a target of 3950 bytes; btrfs cannot hold it"],
    [ext4({ journal: true }), file("", { mtime: { sec: 2 ** 34, nsec: 0 } }), "/d/x has the time 17179869184 s"],
  ])("$type %#", ({ type, limits }, inode, message) => {
    expect(() => assertStorable(seal(dir({ d: dir({ x: inode }) })), type, limits)).toThrow(message);
  });
});

describe("options and needs", () => {
  it("has the defaults of ext4, less its journal", () => {
    expect(resolveMountedOptions({ type: "xfs" }, "web")).toEqual({
      ...{ type: "xfs", headroomBytes: 64 * MIB, sizeBytes: undefined, preallocate: false },
      ...{ label: "web", uuid: undefined },
    });
    expect(() => resolveMountedOptions({ type: "xfs", journal: true } as never, "web")).toThrow();
  });

  it("needs root, the kernel and tools, and says how to do without", () => {
    const needs = (options: Parameters<ReturnType<typeof loopImager>["requirements"]>[0]) =>
      loopImager(options.type)
        .requirements(options)
        .map((need) => (need.kind === "tool" ? need.anyOf[0].name : need.kind));
    const common = ["unshare", "mount", "umount", "tar"];
    const kernel = ["loop-device", "kernel-filesystem"];
    expect(needs(resolveMountedOptions({ type: "xfs" }, "x"))).toEqual([
      "root",
      "mkfs.xfs",
      "xfs_growfs",
      "xfs_repair",
      ...common,
      ...kernel,
    ]);
    expect(needs(resolveMountedOptions({ type: "btrfs", preallocate: true }, "x"))).toEqual([
      "root",
      "mkfs.btrfs",
      "btrfs",
      ...common,
      "fallocate",
      ...kernel,
    ]);
    const options = { ...ext4Options(), engine: "loop" } as const;
    expect(needs(options)).toEqual(["root", "mke2fs", "e2fsck", "resize2fs", ...common, ...kernel]);
    for (const need of loopImager("ext4").requirements(options)) {
      expect(need.kind === "tool" ? need.anyOf[0].instead : need.instead).toContain('engine = "native"');
    }
  });
});
