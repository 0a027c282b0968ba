import { FledgeError } from "../lib/errors.ts";
import { readRangeSync } from "../rootfs/content.ts";
import type { FileInode } from "../rootfs/node.ts";

/** What a column holds; NULL is undefined. */
export type SqliteValue = number | string | Buffer | undefined;

const MAGIC = "SQLite format 3\0";
const FILE_HEADER_BYTES = 100;
const LEAF = 0x0d;
const INTERIOR = 0x05;
const WINDOW_BYTES = 256 * 1024;
/** Of the serial types below 12. */
const SERIAL_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

/**
 * The rows of a table of an SQLite database, as https://www.sqlite.org/fileformat2.html has them, in the order of their
 * keys. No library is handed what may be hostile, and Node 20 has none; each page is read once at most, so that the time is
 * that of reading the file. Throws an `image` error, or a RangeError where a number leads out of a page.
 */
export function* sqliteRows(file: FileInode, table: string): Generator<readonly SqliteValue[], void, undefined> {
  const pages = new Pages(file);
  for (const [type, name, , root] of rowsBelow(pages, 1)) {
    if (type !== "table" || name !== table || typeof root !== "number") continue;
    yield* rowsBelow(pages, root);
    return;
  }
  throw damaged(`it has no table ${table}`);
}

/** What begins with the magic of SQLite. */
export function isSqlite(file: FileInode): boolean {
  return readRangeSync(file, 0, MAGIC.length).toString("latin1") === MAGIC;
}

class Pages {
  /** Of a page, without what an extension keeps at its end. */
  readonly usable: number;
  readonly #file: FileInode;
  readonly #pageBytes: number;
  readonly #taken = new Set<number>();
  #window: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
  #payloadBytes = 0;

  constructor(file: FileInode) {
    const header = readRangeSync(file, 0, FILE_HEADER_BYTES);
    if (header.length < FILE_HEADER_BYTES || !isSqlite(file)) throw damaged("it does not begin as SQLite's do");
    const bytes = header.readUInt16BE(16);
    this.#file = file;
    this.#pageBytes = bytes === 1 ? 65_536 : bytes;
    this.usable = this.#pageBytes - (header[20] ?? 0);
    if (this.#pageBytes < 512 || this.usable < 480) throw damaged(`its pages have ${this.#pageBytes} bytes`);
  }

  /** A page by its number, the first is 1. */
  take(number: number): Buffer {
    if (this.#taken.has(number)) throw damaged(`page ${number} is in two places`);
    this.#taken.add(number);
    const at = (number - 1) * this.#pageBytes;
    const end = at + this.#pageBytes;
    if (number < 1 || end > this.#file.size) throw damaged(`there is no page ${number}`);
    if (at < this.#window.at || end > this.#window.at + this.#window.bytes.length) {
      this.#window = { at, bytes: readRangeSync(this.#file, at, Math.max(WINDOW_BYTES, this.#pageBytes)) };
    }
    return this.#window.bytes.subarray(at - this.#window.at, end - this.#window.at);
  }

  /** Cells that lie over each other would make more of a file than is in it. */
  count(payloadBytes: number): void {
    this.#payloadBytes += payloadBytes;
    if (this.#payloadBytes > this.#file.size) throw damaged("its cells hold more than the file");
  }
}

function* rowsBelow(pages: Pages, root: number): Generator<SqliteValue[], void, undefined> {
  const stack = [root];
  for (let number = stack.pop(); number !== undefined; number = stack.pop()) {
    const page = pages.take(number);
    const header = number === 1 ? FILE_HEADER_BYTES : 0;
    const isLeaf = page[header] === LEAF;
    if (!isLeaf && page[header] !== INTERIOR) throw damaged(`page ${number} is none of a table`);
    const first = header + (isLeaf ? 8 : 12);
    const cells = Array.from({ length: page.readUInt16BE(header + 3) }, (_, i) => page.readUInt16BE(first + 2 * i));
    if (isLeaf) for (const cell of cells) yield valuesOf(payloadAt(pages, page, cell));
    else stack.push(...[...cells, header + 8].map((at) => page.readUInt32BE(at)).reverse());
  }
}

/** What of a payload does not fit its page is in a chain of others. */
function payloadAt(pages: Pages, page: Buffer, at: number): Buffer {
  const cursor = { at };
  const length = varint(page, cursor);
  varint(page, cursor);
  pages.count(length);
  const local = localBytes(length, pages.usable);
  if (cursor.at + local > page.length) throw damaged("a cell is longer than its page");
  const parts = [page.subarray(cursor.at, cursor.at + local)];
  let next = local < length ? page.readUInt32BE(cursor.at + local) : 0;
  for (let left = length - local; left > 0; left -= pages.usable - 4) {
    const overflow = pages.take(next);
    parts.push(overflow.subarray(4, Math.min(pages.usable, 4 + left)));
    next = overflow.readUInt32BE(0);
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** "Cell Payload Overflow Pages": the format's own fractions of a page. */
function localBytes(payload: number, usable: number): number {
  const most = usable - 35;
  if (payload <= most) return payload;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const rest = least + ((payload - least) % (usable - 4));
  return rest <= most ? rest : least;
}

function valuesOf(record: Buffer): SqliteValue[] {
  const cursor = { at: 0 };
  const headerBytes = varint(record, cursor);
  const values: SqliteValue[] = [];
  for (let at = headerBytes; cursor.at < headerBytes; ) {
    const serial = varint(record, cursor);
    const length = serial < 12 ? SERIAL_BYTES[serial] : Math.floor((serial - 12) / 2);
    if (length === undefined || at + length > record.length) throw damaged("a column is longer than its row");
    values.push(columnOf(serial, record.subarray(at, at + length)));
    at += length;
  }
  return values;
}

function columnOf(serial: number, bytes: Buffer): SqliteValue {
  if (serial >= 12) return serial % 2 === 0 ? bytes : bytes.toString("utf8");
  if (serial === 0) return undefined;
  if (serial === 7) return bytes.readDoubleBE(0);
  if (serial >= 8) return serial - 8;
  return serial === 6 ? Number(bytes.readBigInt64BE(0)) : bytes.readIntBE(0, bytes.length);
}

/** Seven bits of each byte, the high one says that more follow; all eight of a ninth. */
function varint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let i = 0; i < 9; i++) {
    const byte = bytes.readUInt8(cursor.at++);
    value = i === 8 ? value * 256 + byte : value * 128 + (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return value;
}

function damaged(why: string): FledgeError {
  return new FledgeError("image", `the database is damaged: ${why}`);
}
