import { encodePaxRecord } from "../../src/rootfs/tar/pax.ts";

type Bytes = string | Uint8Array;

/** One archive member, byte by byte; what is left out is what GNU tar would write for a plain file. */
export type Member = {
  readonly name: Bytes;
  readonly type?: string;
  readonly data?: Bytes;
  /** The size field, where it is not the length of `data`. */
  readonly size?: number | Uint8Array;
  readonly mode?: number;
  readonly uid?: number | Uint8Array;
  readonly gid?: number | Uint8Array;
  readonly mtime?: number | Uint8Array;
  readonly linkname?: Bytes;
  readonly prefix?: Bytes;
  readonly format?: "ustar" | "gnu" | "v7" | "star";
  readonly major?: number;
  readonly minor?: number;
  /** Records of a PAX header before this member; text is UTF-8. */
  readonly pax?: readonly (readonly [key: string, value: Bytes])[];
  /** Last words on the block, before its checksum. */
  readonly patch?: (block: Buffer) => void;
};

export const END = Buffer.alloc(1024);

/** A tar archive of these members, with its end. */
export function tar(...members: (Member | Buffer)[]): Buffer {
  return Buffer.concat([...members.map((one) => (Buffer.isBuffer(one) ? one : member(one))), END]);
}

export function member(one: Member): Buffer {
  const data = bytes(one.data ?? "");
  const own = Buffer.concat([header(one, data.length), pad(data)]);
  if (one.pax === undefined) return own;
  return Buffer.concat([extension("x", paxBody(one.pax)), own]);
}

/** A header with a body of its own: `x`, `g`, `L`, `K`. */
export function extension(type: string, body: Buffer): Buffer {
  return Buffer.concat([header({ name: "././@Extension", type }, body.length), pad(body)]);
}

export function paxBody(records: readonly (readonly [string, Bytes])[]): Buffer {
  return Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, bytes(value).toString("latin1"))));
}

/** GNU base-256: two's complement with the top bit set. */
export function base256(value: number, length: number): Buffer {
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, BigInt(value));
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0] = (field[0] as number) | 0x80;
  return field;
}

function header(one: Member, length: number): Buffer {
  const block = Buffer.alloc(512);
  const put = (at: number, value: Bytes): void => block.set(bytes(value), at);
  const number = (at: number, width: number, value: number | Uint8Array): void =>
    put(at, typeof value === "number" ? `${value.toString(8).padStart(width - 1, "0")}\0` : value);
  const type = one.type ?? "0";
  put(0, one.name);
  number(100, 8, one.mode ?? (type === "5" ? 0o755 : 0o644));
  number(108, 8, one.uid ?? 0);
  number(116, 8, one.gid ?? 0);
  number(124, 12, one.size ?? length);
  number(136, 12, one.mtime ?? 0);
  put(156, type);
  put(157, one.linkname ?? "");
  if (one.format === "gnu") put(257, "ustar  \0");
  else if (one.format !== "v7") put(257, "ustar\x0000");
  if (one.format === "star") put(508, "tar\0");
  if (one.major !== undefined) number(329, 8, one.major);
  if (one.minor !== undefined) number(337, 8, one.minor);
  if (one.prefix !== undefined) put(345, one.prefix);
  one.patch?.(block);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function pad(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

function bytes(value: Bytes): Buffer {
  return typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value);
}
