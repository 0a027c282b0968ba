/** What a header of rpm says, in a database made here. */
export type RpmFields = {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly epoch?: number;
  readonly arch?: string;
  /** Of a text that nobody asks for, before the others. */
  readonly descriptionBytes?: number;
};

const INT32 = 4;
const STRING = 6;

/** A header as rpm keeps it in its database; numbers in its data are not aligned, as they would be there. */
export function rpmHeader({ name, version, release, epoch, arch, descriptionBytes = 0 }: RpmFields): Buffer {
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const fields: [number, number, Buffer][] = [
    [1000, STRING, text(name)],
    [1001, STRING, text(version)],
    [1002, STRING, text(release)],
    ...(epoch === undefined ? [] : [[1003, INT32, uint32(epoch)] as [number, number, Buffer]]),
    [1005, STRING, text("d".repeat(descriptionBytes))],
    ...(arch === undefined ? [] : [[1022, STRING, text(arch)] as [number, number, Buffer]]),
  ];
  const data = Buffer.concat(fields.map(([, , bytes]) => bytes));
  const offsetOf = (place: number): number =>
    fields.slice(0, place).reduce((sum, [, , bytes]) => sum + bytes.length, 0);
  const entries = fields.map(([tag, type], i) => Buffer.concat([tag, type, offsetOf(i), 1].map(uint32)));
  return Buffer.concat([uint32(fields.length), uint32(data.length), ...entries, data]);
}

const PAGE_BYTES = 512;

/** The database of these packages, in the smallest pages of SQLite: a leaf for each, and what does not fit after it. */
export function rpmDatabase(headers: readonly Buffer[]): Buffer {
  const pages: Buffer[] = [Buffer.alloc(PAGE_BYTES), Buffer.alloc(PAGE_BYTES)];
  const leaves = headers.map((header, i) => {
    const leaf = pages.push(Buffer.alloc(PAGE_BYTES));
    const cell = cellOf(i + 1, recordOf([undefined, header]), pages);
    putPage(pages[leaf - 1] as Buffer, { type: 0x0d, cells: [cell] });
    return leaf;
  });
  const last = leaves.pop() ?? 0;
  const cells = leaves.map((leaf, i) => Buffer.concat([uint32(leaf), varint(i + 1)]));
  putPage(pages[1] as Buffer, { type: 0x05, cells, last });
  const sql = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";
  const schema = cellOf(1, recordOf(["table", "Packages", "Packages", 2, sql]), pages);
  const first = pages[0] as Buffer;
  putPage(first, { type: 0x0d, cells: [schema], header: 100 });
  first.write("SQLite format 3\0", 0, "latin1");
  first.writeUInt16BE(PAGE_BYTES, 16);
  first.writeUInt32BE(1, 56);
  return Buffer.concat(pages);
}

type Page = {
  readonly type: number;
  readonly cells: readonly Buffer[];
  readonly last?: number;
  readonly header?: number;
};

function putPage(page: Buffer, { type, cells, last, header = 0 }: Page): void {
  page[header] = type;
  page.writeUInt16BE(cells.length, header + 3);
  if (last !== undefined) page.writeUInt32BE(last, header + 8);
  const array = header + (last === undefined ? 8 : 12);
  let at = PAGE_BYTES;
  for (const [i, cell] of cells.entries()) {
    at -= cell.length;
    cell.copy(page, at);
    page.writeUInt16BE(at, array + 2 * i);
  }
}

/** A row of a leaf; what does not fit goes into pages at the end. */
function cellOf(key: number, record: Buffer, pages: Buffer[]): Buffer {
  const head = Buffer.concat([varint(record.length), varint(key)]);
  if (record.length <= PAGE_BYTES - 35) return Buffer.concat([head, record]);
  const least = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;
  const rest = least + ((record.length - least) % (PAGE_BYTES - 4));
  const local = rest <= PAGE_BYTES - 35 ? rest : least;
  const next = pages.length + 1;
  for (let at = local; at < record.length; at += PAGE_BYTES - 4) {
    const page = Buffer.alloc(PAGE_BYTES);
    record.copy(page, 4, at, at + PAGE_BYTES - 4);
    const number = pages.push(page);
    if (at + PAGE_BYTES - 4 < record.length) page.writeUInt32BE(number + 1, 0);
  }
  return Buffer.concat([head, record.subarray(0, local), uint32(next)]);
}

function recordOf(values: readonly (string | number | Buffer | undefined)[]): Buffer {
  const serials = values.map((value) => {
    if (value === undefined) return 0;
    if (typeof value === "number") return 1;
    return typeof value === "string" ? 13 + 2 * value.length : 12 + 2 * value.length;
  });
  const types = Buffer.concat(serials.map(varint));
  const bytes = values.map((value) => {
    if (value === undefined) return Buffer.alloc(0);
    return typeof value === "number" ? Buffer.from([value]) : Buffer.from(value as string);
  });
  return Buffer.concat([varint(types.length + 1), types, ...bytes]);
}

function varint(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return Buffer.from(bytes);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
