import type { ByteString } from "../../../lib/bytes.ts";
import type { SquashBlocks } from "./blocks.ts";
import { damaged, type Reference, referenceFrom, type SquashSuperblock } from "./superblock.ts";

const METADATA_BYTES = 8192;
const ID_BYTES = 4;
const FRAGMENT_BYTES = 16;
const XATTR_ID_BYTES = 16;
const OUT_OF_LINE = 0x100;
const MAX_VALUE_BYTES = 65_536;

const NAMESPACES: Readonly<Record<number, string>> = { 0: "user.", 1: "trusted.", 2: "security." };

/** Entries of one size in blocks of metadata, whose places stand one after the other at `index`. */
class Table {
  readonly #blocks: SquashBlocks;
  readonly #index: number;
  readonly #entryBytes: number;
  readonly #count: number;

  constructor(blocks: SquashBlocks, index: number, { entryBytes, count }: { entryBytes: number; count: number }) {
    this.#blocks = blocks;
    this.#index = index;
    this.#entryBytes = entryBytes;
    this.#count = count;
  }

  at(position: number): Buffer {
    if (position >= this.#count) throw damaged(`a table of ${this.#count} has no entry ${position}`);
    const byte = position * this.#entryBytes;
    const place = this.#blocks.raw(this.#index + Math.floor(byte / METADATA_BYTES) * 8, 8).readBigUInt64LE(0);
    return this.#blocks.cursor(Number(place), { block: 0, offset: byte % METADATA_BYTES }).take(this.#entryBytes);
  }
}

/** Owners, fragments and attributes, which inodes name by their places. */
export class SquashTables {
  readonly #blocks: SquashBlocks;
  readonly #ids: Table;
  readonly #fragments: Table | undefined;
  readonly #xattrIds: Table | undefined;
  readonly #xattrStart: number = 0;
  readonly #owners = new Map<number, number>();

  constructor(blocks: SquashBlocks, superblock: SquashSuperblock) {
    const { ids, fragments, idTable, fragmentTable, xattrTable } = superblock;
    this.#blocks = blocks;
    this.#ids = new Table(blocks, idTable, { entryBytes: ID_BYTES, count: ids });
    if (fragmentTable !== undefined) {
      this.#fragments = new Table(blocks, fragmentTable, { entryBytes: FRAGMENT_BYTES, count: fragments });
    }
    if (xattrTable !== undefined) {
      const head = blocks.raw(xattrTable, 16);
      this.#xattrStart = Number(head.readBigUInt64LE(0));
      const count = head.readUInt32LE(8);
      this.#xattrIds = new Table(blocks, xattrTable + 16, { entryBytes: XATTR_ID_BYTES, count });
    }
  }

  id(position: number): number {
    const known = this.#owners.get(position);
    if (known !== undefined) return known;
    const id = this.#ids.at(position).readUInt32LE(0);
    this.#owners.set(position, id);
    return id;
  }

  /** Where a fragment's block is, and its size with the bit that says whether it is compressed. */
  fragment(position: number): { readonly at: number; readonly size: number } {
    if (this.#fragments === undefined) throw damaged("it has no table of fragments");
    const entry = this.#fragments.at(position);
    return { at: Number(entry.readBigUInt64LE(0)), size: entry.readUInt32LE(8) };
  }

  xattrs(position: number): Map<ByteString, Buffer> {
    if (this.#xattrIds === undefined) throw damaged("it has no table of extended attributes");
    const entry = this.#xattrIds.at(position);
    const cursor = this.#blocks.cursor(this.#xattrStart, referenceFrom(entry.readBigUInt64LE(0)));
    const xattrs = new Map<ByteString, Buffer>();
    for (let left = entry.readUInt32LE(8); left > 0; left--) {
      const head = cursor.take(4);
      const type = head.readUInt16LE(0);
      const name = cursor.take(head.readUInt16LE(2)).toString("latin1");
      const value = cursor.take(valueBytes(cursor.take(4)));
      const prefix = NAMESPACES[type & 0xff];
      if (prefix === undefined) throw damaged(`it has an extended attribute of the unknown namespace ${type & 0xff}`);
      const isElsewhere = (type & OUT_OF_LINE) !== 0;
      xattrs.set(
        (prefix + name) as ByteString,
        isElsewhere ? this.#valueAt(referenceFrom(value.readBigUInt64LE(0))) : value,
      );
    }
    return xattrs;
  }

  /** A value that another inode has too is stored once. */
  #valueAt(reference: Reference): Buffer {
    const cursor = this.#blocks.cursor(this.#xattrStart, reference);
    return cursor.take(valueBytes(cursor.take(4)));
  }
}

function valueBytes(head: Buffer): number {
  const bytes = head.readUInt32LE(0);
  if (bytes > MAX_VALUE_BYTES) throw damaged(`an extended attribute of it has ${bytes} bytes`);
  return bytes;
}
