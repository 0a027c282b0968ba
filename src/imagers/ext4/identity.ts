import { createHash } from "node:crypto";
import { assertNever } from "../../lib/errors.ts";
import type { SealedInode, SealedTree } from "../../rootfs/seal.ts";
import type { HashSeed } from "./dirhash.ts";
import type { ResolvedExt4Options } from "./options.ts";

/** What tells one filesystem from another. */
export type Identity = { readonly uuid: Buffer; readonly hashSeed: HashSeed };

const FLUSH_LENGTH = 64 * 1024;

/**
 * UUID and hash seed of an image, from all that is known before any content is read: every name, all metadata, sizes,
 * link identity, xattrs, the contents that are in memory, and the options. They stand in the superblock and in every
 * checksum, ahead of the contents, so they cannot depend on those: two trees that differ in nothing but the bytes of
 * files of equal size get the same UUID (and different images).
 */
export function identify(tree: SealedTree, options: ResolvedExt4Options): Identity {
  const hash = createHash("sha256");
  let text = `fledge ext4 1\n${JSON.stringify([options.label, options.headroomBytes, options.sizeBytes ?? null, options.journal])}\n`;
  for (const { name, inode, isFirstName } of tree.entries) {
    text += `${name}\0${inode.index}\0`;
    if (isFirstName) {
      text += describe(inode);
      for (const [xattr, value] of [...inode.node.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
        text += `${xattr}\0${Buffer.from(value).toString("hex")}\0`;
      }
      if (inode.node.type === "file" && inode.node.content.kind === "inline") {
        hash.update(text, "utf8").update(inode.node.content.bytes);
        text = "";
      }
    }
    if (text.length > FLUSH_LENGTH) {
      hash.update(text, "utf8");
      text = "";
    }
  }
  const digest = hash.update(text, "utf8").digest();
  return { uuid: options.uuid === undefined ? uuid8(digest) : parseUuid(options.uuid), hashSeed: seedFrom(digest) };
}

function describe({ node, mtime, entries }: SealedInode): string {
  const common = `${node.type} ${node.mode} ${node.uid} ${node.gid} ${mtime.sec}.${mtime.nsec} `;
  switch (node.type) {
    case "file":
      return `${common}${node.size}\0`;
    case "dir":
      return `${common}${entries.length}\0`;
    case "symlink":
      return `${common}${node.target}\0`;
    case "char":
    case "block":
      return `${common}${node.major}:${node.minor}\0`;
    case "fifo":
    case "socket":
      return `${common}\0`;
    default:
      return assertNever(node);
  }
}

/** Version 8 of RFC 9562: bits of our own making. */
function uuid8(digest: Buffer): Buffer {
  const uuid = Buffer.from(digest.subarray(0, 16));
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  return uuid;
}

function parseUuid(text: string): Buffer {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

function seedFrom(digest: Buffer): HashSeed {
  const word = (i: number): number => digest.readUInt32LE(16 + i * 4);
  return [word(0), word(1), word(2), word(3)];
}
