import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { Imager } from "../../contract/imager.ts";
import { digestOf } from "../../lib/digest.ts";
import { NOTHING, pipeThrough } from "../../lib/process/exec.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import { differs } from "../compare.ts";
import { verifyAsTar } from "../verify-tar.ts";
import { makeable, type User } from "./limits.ts";
import type { ResolvedDirOptions } from "./options.ts";

const TAR: Tool = {
  name: "tar",
  reason: "write the folder",
  package: "tar",
  instead: 'filesystem.type = "tar" (needs no tool)',
};

/**
 * The tree as a folder. GNU tar unpacks it, because Node makes no device nodes and sets no extended attributes; tar, too,
 * never follows a symlink that it has unpacked.
 */
export const dirImager: Imager<ResolvedDirOptions> = {
  name: "dir",
  suffix: () => "-rootfs",
  isBootable: false,
  requirements: () => [{ kind: "tool", anyOf: [TAR] }],
  async write(sealed, out, _options, ctx) {
    const user = whoAmI();
    const { tree, warning } = makeable(sealed, user);
    if (warning) ctx.warn(warning);
    const hash = createHash("sha256");
    let sizeBytes = 0;
    async function* hashed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    }
    // Nobody else gets in before it is whole: the root's own mode comes last.
    await mkdir(out, { mode: 0o700 });
    const said = pipeThrough(
      requireTool(TAR, ctx.env),
      unpackArgv(user),
      hashed(writeTar(tree, ctx, { sparse: "gnu" })),
      { signal: ctx.signal, env: ctx.env, cwd: out },
    );
    for await (const text of said) ctx.log(Buffer.from(text).toString().trimEnd());
    return { sizeBytes, digest: digestOf(hash) };
  },
  async verify(sealed, image, _options, ctx) {
    const { tree } = makeable(sealed, whoAmI());
    const packed = pipeThrough(requireTool(TAR, ctx.env), PACK_ARGV, NOTHING, { ...ctx, cwd: image });
    await verifyAsTar(withoutSpecialLinks(tree), image, { packed, kept: {} }, ctx);
    assertSpecialLinks(tree, image);
  },
};

export function unpackArgv({ uid }: User): readonly string[] {
  return [
    ...["--extract", "--file", "-"],
    ...["--preserve-permissions", "--numeric-owner"],
    uid === 0 ? "--same-owner" : "--no-same-owner",
    ...["--xattrs", "--xattrs-include=*"],
    "--delay-directory-restore",
  ];
}

const PACK_ARGV = [
  ...["--create", "--file", "-"],
  ...["--format", "pax", "--numeric-owner", "--sparse"],
  ...["--xattrs", "--xattrs-include=*"],
  ".",
];

/** GNU tar packs the names of a device or a pipe as so many of them. */
function withoutSpecialLinks(tree: SealedTree): SealedTree {
  const entries = tree.entries.map((entry) => (isSpecial(entry) ? { ...entry, ...alone(entry) } : entry));
  return { ...tree, entries };
}

function alone({ inode }: SealedEntry): Pick<SealedEntry, "inode" | "isFirstName"> {
  return { inode: { ...inode }, isFirstName: true };
}

function assertSpecialLinks(tree: SealedTree, folder: string): void {
  const numbers = new Map<SealedInode, bigint>();
  for (const entry of tree.entries.filter(isSpecial)) {
    const { ino } = lstatSync(Buffer.from(`${folder}/${entry.path}`, "latin1"), { bigint: true });
    if ((numbers.get(entry.inode) ?? ino) !== ino) throw differs(entry.path, "is not linked to the names it should be");
    numbers.set(entry.inode, ino);
  }
}

function isSpecial({ inode }: SealedEntry): boolean {
  return inode.nlink > 1 && ["char", "block", "fifo"].includes(inode.node.type);
}

function whoAmI(): User {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
