import { createHash, type Hash } from "node:crypto";
import { assertNever } from "../lib/errors.ts";
import type { InodeType } from "../rootfs/node.ts";
import type { SealedInode, SealedTree } from "../rootfs/seal.ts";
import type { ResolvedExt4Options } from "./ext4/options.ts";
import type { HashSeed } from "./ext4/structures/dirhash.ts";

/** What tells one filesystem from another. */
export type Identity = { readonly uuid: Buffer; readonly hashSeed: HashSeed };

export type IdentityOptions = Pick<ResolvedExt4Options, "label" | "headroomBytes" | "sizeBytes" | "journal" | "uuid">;

/** Changes when the same tree is to get other UUIDs. */
const SCHEME = "fledge ext4 1";
const TYPES: readonly InodeType[] = ["file", "dir", "symlink", "char", "block", "fifo", "socket"];

/**
 * UUID and hash seed of an image, from all that is known before any content is read: every name, all metadata, sizes,
 * link identity, xattrs, the contents that are in memory, and the options. They stand in the superblock and in every
 * checksum, ahead of the contents, so they cannot depend on those: two trees that differ in nothing but the bytes of
 * files of equal size get the same UUID (and different images).
 */
export function identify(tree: SealedTree, options: IdentityOptions, scheme: string = SCHEME): Identity {
  const { label, headroomBytes, sizeBytes, journal } = options;
  const record = new Record(createHash("sha256"));
  record.bytes(Buffer.from(JSON.stringify([scheme, label, headroomBytes, sizeBytes ?? null, journal])));
  for (const { name, inode, isFirstName } of tree.entries) {
    record.number(inode.index);
    record.text(name);
    if (isFirstName) describe(record, inode);
  }
  const digest = record.digest();
  return { uuid: options.uuid === undefined ? uuid8(digest) : parseUuid(options.uuid), hashSeed: seedFrom(digest) };
}

function describe(record: Record, { node, mtime, entries }: SealedInode): void {
  record.number(TYPES.indexOf(node.type));
  record.number(node.mode);
  record.number(node.uid);
  record.number(node.gid);
  record.number(mtime.sec);
  record.number(mtime.nsec);
  record.number(node.xattrs.size);
  if (node.xattrs.size > 0) {
    for (const [name, value] of [...node.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      record.bytes(Buffer.from(name));
      record.bytes(value);
    }
  }
  switch (node.type) {
    case "file":
      record.number(node.size);
      if (node.content.kind === "inline") record.bytes(node.content.bytes);
      return;
    case "dir":
      record.number(entries.length);
      return;
    case "symlink":
      record.text(node.target);
      return;
    case "char":
    case "block":
      record.number(node.major);
      record.number(node.minor);
      return;
    case "fifo":
    case "socket":
      return;
    default:
      assertNever(node);
  }
}

/** Numbers and byte strings, each with its length, on their way into a hash; gathered, because a call per value is slow. */
class Record {
  readonly #hash: Hash;
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #used = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  number(value: number): void {
    this.#reserve(8);
    this.#used = this.#buffer.writeDoubleLE(value, this.#used);
  }

  /** A string of one byte per character. */
  text(value: string): void {
    this.number(value.length);
    if (value.length > 4096) {
      this.#flush();
      this.#hash.update(value, "latin1");
      return;
    }
    this.#reserve(value.length);
    this.#used += this.#buffer.write(value, this.#used, "latin1");
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    if (value.length > 4096) {
      this.#flush();
      this.#hash.update(value);
      return;
    }
    this.#reserve(value.length);
    this.#buffer.set(value, this.#used);
    this.#used += value.length;
  }

  digest(): Buffer {
    this.#flush();
    return this.#hash.digest();
  }

  #reserve(length: number): void {
    if (this.#used + length > this.#buffer.length) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
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
