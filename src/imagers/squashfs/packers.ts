import type { Env } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { chooseTool, type Machine, type ToolRequirement } from "../../lib/process/requirements.ts";
import { type Tool, USUAL_VERSION } from "../../lib/process/tools.ts";
import type { SealedInode, SealedTree } from "../../rootfs/seal.ts";
import type { ResolvedSquashfsOptions } from "./options.ts";

/** A program that makes a squashfs of the tar on its standard input. */
export type Packer = Tool & {
  argv(out: string, options: ResolvedSquashfsOptions, facts: PackFacts): readonly string[];
  /** What it takes from the environment instead of from its arguments. */
  env(stampSec: number): Env;
  /** Throws a `tool` error for a tree that this program alone cannot carry. */
  assertCarries?(tree: SealedTree): void;
};

export type PackFacts = {
  /** Seconds since 1970, for the time of the filesystem as a whole. */
  readonly stampSec: number;
  readonly root: SealedInode;
};

const ABOUT = { reason: "write the squashfs image", instead: 'filesystem.type = "ext4" (needs no tool)' };

const tar2sqfs: Packer = {
  ...ABOUT,
  name: "tar2sqfs",
  package: "squashfs-tools-ng",
  version: { ...USUAL_VERSION, objection: objectionToNg },
  argv: (out, { compression, level, blockBytes }) => [
    ...["--compressor", compression],
    ...(level === undefined ? [] : ["--comp-extra", `level=${level}`]),
    ...["--block-size", `${blockBytes}`],
    ...["--no-skip", "--quiet", out],
  ],
  env: (stampSec) => ({ SOURCE_DATE_EPOCH: `${stampSec}` }),
};

const mksquashfs: Packer = {
  ...ABOUT,
  name: "mksquashfs",
  package: "squashfs-tools",
  version: {
    argv: ["-version"],
    parse: (output) => /mksquashfs version (\d+(?:\.\d+)*)/.exec(output)?.[1],
    objection: objectionToMksquashfs,
  },
  argv: (out, { compression, level, blockBytes }, { stampSec, root: { node, mtime } }) => [
    ...["-", out, "-tar"],
    ...["-comp", compression],
    ...(level === undefined ? [] : ["-Xcompression-level", `${level}`]),
    ...["-b", `${blockBytes}`],
    ...["-mkfs-time", `${stampSec}`],
    // It passes over the root's own entry of the tar.
    ...["-root-mode", node.mode.toString(8)],
    ...["-root-uid", `${node.uid}`],
    ...["-root-gid", `${node.gid}`],
    ...["-root-time", `${mtime.sec}`],
    ...["-no-progress", "-quiet"],
  ],
  // It does not start when this is set beside its own options for times.
  env: () => ({ SOURCE_DATE_EPOCH: undefined }),
  assertCarries({ inodes }) {
    const why = inodes[0]?.node.xattrs.size
      ? "passes over the extended attributes of the root folder"
      : inodes.some(({ mtime }) => mtime.sec > MAX_PAX_TIME_SEC)
        ? "cannot read the time of a file after January 2038 from a tar"
        : undefined;
    if (why === undefined) return;
    const hint = `sudo apt-get install -y ${tar2sqfs.package}, which can, or ${ABOUT.instead}`;
    throw new FledgeError("tool", `mksquashfs ${why}; needed to ${ABOUT.reason}`, { hint });
  },
};

const MAX_PAX_TIME_SEC = 2 ** 31 - 1;

/**
 * The first that can be used is taken. sqfstar is not among them: it is mksquashfs by another name, and takes fewer options.
 */
export const PACKERS: readonly [Packer, Packer] = [tar2sqfs, mksquashfs];

export const PACKER_NEEDED: ToolRequirement = { kind: "tool", anyOf: PACKERS };

/** The packer to use here. Throws a `tool` error when there is none. */
export async function choosePacker(machine: Machine): Promise<{ readonly packer: Packer; readonly path: string }> {
  const { tool, path } = await chooseTool(PACKER_NEEDED, machine);
  const packer = PACKERS.find(({ name }) => name === tool.name) ?? tar2sqfs;
  return { packer, path };
}

/** Reads an image back as a tar, without root. */
const SQFS2TAR: Tool = {
  name: "sqfs2tar",
  reason: "read the squashfs image back",
  package: "squashfs-tools-ng",
  instead: "build without --verify",
  version: { ...USUAL_VERSION, objection: objectionToNg },
};

export const READER_NEEDED: ToolRequirement = { kind: "tool", anyOf: [SQFS2TAR] };

/** From the change log of squashfs-tools-ng, 1.1.3 and 1.2.0, and its issue 123. */
function objectionToNg(version: string): string | undefined {
  if (!isBefore(version, [1, 2])) return undefined;
  return "has wrong folder sizes, or an end at 65,535 names in a folder; use 1.2.0 or later";
}

/**
 * From the change log of squashfs-tools (4.6, 4.6.1, 4.7.5), its issues 339 and 360, and what the conformance suite found
 * of 4.5.1.
 */
function objectionToMksquashfs(version: string): string | undefined {
  if (isBefore(version, [4, 5])) return "cannot read a tar; use 4.6.1";
  if (isBefore(version, [4, 6])) {
    return "takes the leading / and ../ off long symlink targets in a tar, and loses the owner and time of the root; use 4.6.1";
  }
  if (isBefore(version, [4, 6, 1])) return "may write a damaged table of fragments; use 4.6.1";
  if (!isBefore(version, [4, 7]) && isBefore(version, [4, 7, 5])) return "may write damaged images; use 4.6.1 or 4.7.5";
  return undefined;
}

function isBefore(version: string, other: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  for (let i = 0; i < Math.max(parts.length, other.length); i++) {
    const difference = (parts[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
