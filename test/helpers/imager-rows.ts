import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactFacts, Imager, ImagerContext } from "../../src/contract/imager.ts";
import { cpioImager } from "../../src/imagers/cpio/index.ts";
import type { Compression } from "../../src/imagers/cpio/options.ts";
import { dirImager } from "../../src/imagers/dir/index.ts";
import { ext4Imager } from "../../src/imagers/ext4/index.ts";
import { loopImager } from "../../src/imagers/loop/index.ts";
import { type ResolvedLoopOptions, resolveMountedOptions } from "../../src/imagers/loop/options.ts";
import { squashfsImager } from "../../src/imagers/squashfs/index.ts";
import { resolveSquashfsOptions } from "../../src/imagers/squashfs/options.ts";
import { PACKERS, type Packer } from "../../src/imagers/squashfs/packers.ts";
import { tarImager } from "../../src/imagers/tar/index.ts";
import { hashFile } from "../../src/lib/files/hash-file.ts";
import { findOnPath } from "../../src/lib/process/tools.ts";
import type { DirInode, Inode, InodeType } from "../../src/rootfs/node.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";
import { run, withFolder, withMount } from "./disk.ts";
import { ext4Options } from "./ext4.ts";
import { dir, file, symlink } from "./inodes.ts";
import type { Allowances } from "./mounted.ts";
import { type Missing, requireTools } from "./requirements.ts";

/** An imager with options, and how the rest of the world reads what it writes. */
export type ImagerRow = {
  readonly name: string;
  readonly needs: readonly Missing[];
  write(tree: SealedTree, out: string, ctx: ImagerContext): Promise<ArtifactFacts>;
  verify(tree: SealedTree, artifact: string, ctx: ImagerContext): Promise<void>;
  /** Hands the artifact as a folder to the body: mounted by the kernel, or unpacked by the format's own tool. */
  open(artifact: string, body: (folder: string) => Promise<void>): Promise<void>;
  /** What is left of an inode by the documented losses of the format; undefined for one that it leaves out. */
  readonly kept: (node: Inode) => Inode | undefined;
  /** Whether the names of an inode of this type still are names of one. */
  readonly keepsLinksOf: (type: InodeType) => boolean;
  readonly keepsHoles: boolean;
  /** A tree that this tool cannot carry: writing it must fail with a `tool` error. */
  readonly refuses?: (tree: SealedTree) => boolean;
  /** False for an inode that the format has no room for: a build with it is refused. */
  readonly takes: (node: Inode) => boolean;
  /** Whether the same tree gives the same bytes. */
  readonly repeats: boolean;
  /** What the folder shows that is not of the tree, and the other way round. */
  readonly allowances: Allowances;
  /** A digest of all of the artifact. */
  fingerprint(artifact: string): Promise<string>;
  /** Each must make `verify` of `damageableTree()` fail. */
  damages(artifact: string): readonly Damage[];
};

export type Damage = { readonly what: string; inflict(artifact: string): void };

type RowFacts<Options> = Pick<ImagerRow, "name" | "open"> &
  Partial<Omit<ImagerRow, "write" | "verify">> & { readonly imager: Imager<Options>; readonly options: Options };

/** Binds an imager to its options; what is not said is the common case: a file that loses nothing. */
function row<Options>({ imager, options, ...facts }: RowFacts<Options>): ImagerRow {
  return {
    needs: [],
    kept: (node) => node,
    keepsLinksOf: () => true,
    keepsHoles: false,
    takes: () => true,
    repeats: true,
    allowances: {},
    fingerprint: hashFile,
    damages: flippedMarkers,
    write: (tree, out, ctx) => imager.write(tree, out, options, ctx),
    verify: (tree, artifact, ctx) => imager.verify(tree, artifact, options, ctx),
    ...facts,
  };
}

/** The kernel writes it, from a tar, which has no sockets; it is not the same twice. */
function loopRow(
  options: ResolvedLoopOptions,
  { tools, ...facts }: { readonly tools: readonly string[] } & Partial<Omit<ImagerRow, "write" | "verify">>,
): ImagerRow {
  return row({
    name: `${options.type}, loop`,
    imager: loopImager(options.type),
    options,
    needs: [requireTools("unshare", "tar", ...tools)],
    kept: (node) => (node.type === "socket" ? undefined : node),
    open: mounted(options.type),
    keepsHoles: true,
    repeats: false,
    ...facts,
  });
}

const mounted =
  (filesystem: string): ImagerRow["open"] =>
  (image, body) =>
    withMount(image, "ro", body, filesystem);

/** Every imager of fledge: a row is all that a new one adds here. */
export const IMAGER_ROWS: readonly ImagerRow[] = [
  row({
    name: "ext4",
    imager: ext4Imager,
    options: ext4Options(),
    open: mounted("ext4"),
    keepsHoles: true,
  }),
  loopRow({ ...ext4Options(), engine: "loop" }, { tools: ["mke2fs", "resize2fs"] }),
  loopRow(resolveMountedOptions({ type: "xfs", headroom: "1M" }, "test"), {
    tools: ["mkfs.xfs"],
    takes: (node) =>
      !(node.type === "symlink" && node.target.length > 1023) &&
      !("minor" in node && (node.minor >= 2 ** 18 || node.major >= 512)),
    allowances: { allowed: [] },
  }),
  loopRow(resolveMountedOptions({ type: "btrfs", headroom: "1M" }, "test"), {
    tools: ["mkfs.btrfs"],
    takes: (node) => !(node.type === "symlink" && node.target.length > 3949),
    allowances: { allowed: [], countsFolderLinks: false },
  }),
  ...(["gzip", "none"] as const).map(cpioRow),
  ...PACKERS.filter(isUsable).map(squashfsRow),
  row({
    name: "tar",
    imager: tarImager,
    options: { type: "tar", sparse: true },
    needs: [requireTools("tar")],
    keepsHoles: true,
    kept: (node) => (node.type === "socket" ? undefined : node),
    open: (artifact, body) =>
      withFolder((folder) => {
        run("tar", ["-xpf", artifact, "--numeric-owner", "--xattrs", "--xattrs-include=*"], { cwd: folder });
        return body(folder);
      }),
    allowances: { allowed: [] },
  }),
  row({
    name: "dir",
    imager: dirImager,
    options: { type: "dir" },
    needs: [requireTools("tar")],
    kept: (node) => (node.type === "socket" ? undefined : node),
    open: (artifact, body) => body(artifact),
    keepsHoles: true,
    allowances: { allowed: [] },
    // Of two folders that are the same, all that can be said is that the verifier finds nothing.
    fingerprint: async () => "",
    damages: () =>
      [
        ["content", 'printf X | dd of="$1/first-marker: a name" bs=1 seek=300005 conv=notrunc'],
        ["mode", 'chmod 600 "$1/folder/again"'],
        ["time of a folder", 'touch -d @5 "$1/folder"'],
        ["name", 'mv "$1/folder/again" "$1/folder/agaim"; touch -d @1700000000 "$1/folder"'],
        ["link", 'ln -sfn elsewhere "$1/folder/link"; touch -hd @1700000000 "$1/folder/link" "$1/folder"'],
        ["owner", 'chown 1 "$1/folder/again"'],
        ["attribute", 'setfattr -n user.x -v y "$1/folder"'],
      ].map(([what = "", script = ""]) => ({
        what,
        inflict: (damaged) => void run("sh", ["-ec", script, "sh", damaged]),
      })),
  }),
];

/** Debian 12's mksquashfs is one that fledge refuses: then there is no row for it. */
function isUsable({ name, version }: Packer): boolean {
  if (name === "tar2sqfs") return true;
  const { stdout } = spawnSync(name, [...(version?.argv ?? [])], { encoding: "utf8" });
  const found = version?.parse(stdout ?? "");
  return found !== undefined && version?.objection?.(found) === undefined;
}

/** Squashfs by one of the programs that can write it; the kernel reads the image. */
function squashfsRow({ name, assertCarries }: Packer): ImagerRow {
  const PATH = folderOf(name, "sqfs2tar");
  const { write, verify, ...facts } = row({
    name: `squashfs, ${name}`,
    imager: squashfsImager,
    options: resolveSquashfsOptions({ type: "squashfs" }),
    needs: [requireTools(name, "sqfs2tar")],
    open: mounted("squashfs"),
    kept: (node) =>
      node.type === "socket"
        ? undefined
        : {
            ...node,
            mtime: { sec: Math.min(Math.max(node.mtime.sec, 0), 2 ** 32 - 1), nsec: 0 },
            xattrs: new Map([...node.xattrs].filter(([name]) => !/=|%25|%3D/.test(name))),
          },
    keepsHoles: true,
    allowances: { allowed: [], countsFolderLinks: false },
    // The superblock says how much of it is not padding.
    damages: (artifact) => flippedEverywhere(artifact, (bytes) => Number(bytes.readBigUInt64LE(40))),
  });
  return {
    ...facts,
    ...(assertCarries && {
      refuses: ({ inodes }) =>
        inodes.some(({ mtime }) => mtime.sec >= 2 ** 31) || (inodes[0]?.node.xattrs.size ?? 0) > 0,
    }),
    write: (tree, out, ctx) => write(tree, out, { ...ctx, env: { PATH } }),
    verify: (tree, artifact, ctx) => verify(tree, artifact, { ...ctx, env: { PATH } }),
  };
}

function cpioRow(compression: Compression): ImagerRow {
  const isCompressed = compression !== "none";
  return row({
    name: `cpio, ${compression}`,
    imager: cpioImager,
    options: { compression },
    needs: [requireTools("cpio", "gzip")],
    kept: (node) => ({
      ...node,
      xattrs: new Map(),
      mtime: { sec: Math.min(Math.max(node.mtime.sec, 0), 2 ** 32 - 1), nsec: 0 },
    }),
    keepsLinksOf: (type) => type !== "symlink", // neither GNU cpio nor the kernel looks for them
    open: (artifact, body) =>
      withFolder((folder) => {
        const script = `${isCompressed ? "gzip -dc" : "cat"} "$1" | cpio -idm --quiet`;
        run("sh", ["-ec", script, "sh", artifact], { cwd: folder });
        return body(folder);
      }),
    // GNU cpio restores the times of no others, and nothing of a folder that is there.
    allowances: { allowed: [], showsRoot: false, showsTimeOf: (type) => type !== "dir" && type !== "symlink" },
    ...(isCompressed && { damages: (artifact: string) => flippedEverywhere(artifact) }),
  });
}

const MARKERS = ["first-marker: a name", "second-marker: the content", "third-marker: a target"] as const;

/** A tree that a format without compression holds in plain sight: each marker stands where a damage is to be found out. */
export function damageableTree(): DirInode {
  const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 7) * 17) & 0xff));
  return dir({
    [MARKERS[0]]: file(Buffer.concat([noise, Buffer.from(MARKERS[1]), noise])),
    folder: dir({ link: symlink(`${MARKERS[2]} ${"long ".repeat(30)}`), again: file("small") }),
  });
}

function flippedMarkers(artifact: string): Damage[] {
  const bytes = readFileSync(artifact);
  return MARKERS.map((marker) => {
    const places: number[] = [];
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) places.push(at);
    if (places.length === 0) throw new Error(`${artifact} has no "${marker}"`);
    return { what: marker, inflict: (damaged) => flip(damaged, places, 1) };
  });
}

/** For what is compressed: anywhere in the file, or in its first bytes. */
function flippedEverywhere(artifact: string, lengthOf = (bytes: Buffer): number => bytes.length): Damage[] {
  const length = lengthOf(readFileSync(artifact));
  return Array.from({ length: 12 }, (_, i) => Math.floor(((i + 0.5) * length) / 12)).map((at) => ({
    what: `byte ${at} of ${length}`,
    inflict: (damaged) => flip(damaged, [at], 8),
  }));
}

function flip(path: string, places: readonly number[], length: number): void {
  const fd = openSync(path, "r+");
  try {
    for (const at of places) {
      const bytes = Buffer.alloc(length);
      const count = readSync(fd, bytes, 0, length, at);
      writeSync(fd, bytes.map((byte) => byte ^ 0x10).subarray(0, count), 0, count, at);
    }
  } finally {
    closeSync(fd);
  }
}

/** A folder for a PATH with just these programs. */
function folderOf(...programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "fledge-path-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const program of programs) {
    const path = findOnPath(program, process.env);
    if (path !== undefined) symlinkSync(path, join(folder, program));
  }
  return folder;
}

/** Where a test puts the artifact of a row. */
export function artifactIn(folder: string): string {
  return join(folder, "artifact");
}
