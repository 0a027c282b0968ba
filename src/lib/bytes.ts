import { isUtf8 } from "node:buffer";
import { FledgeError } from "./errors.ts";

declare const byteString: unique symbol;

/**
 * A guest file name or symlink target, one byte per character (latin1). Names on Linux are bytes and need not
 * be UTF-8; in this form they survive unchanged, compare by `<` as their bytes do, and are cheap Map keys.
 */
export type ByteString = string & { readonly [byteString]: true };

/** Bytes that are not UTF-8 as text: lone surrogates from here on, as PEP 383 has them ("surrogateescape"). */
const ESCAPE_BASE = 0xdc00;

/** The bytes of a name that a person or a hook wrote: text as UTF-8, what `toText` escaped and bytes as they are. */
export function toByteString(name: string | Uint8Array): ByteString {
  if (typeof name !== "string") return Buffer.from(name).toString("latin1") as ByteString;
  if (/^[\x00-\x7f]*$/.test(name)) return name as ByteString;
  // With the flag "u" a surrogate that belongs to a pair does not match.
  const parts = name.split(/([\udc80-\udcff]+)/u);
  return parts
    .map((part, i) => (i % 2 === 0 ? Buffer.from(part, "utf8").toString("latin1") : unescapeBytes(part)))
    .join("") as ByteString;
}

/** A name as text that programs go on with: `toByteString` makes the same bytes of it again, UTF-8 or not. */
export function toText(name: ByteString): string {
  return decode(name, (byte) => String.fromCharCode(ESCAPE_BASE + byte));
}

/** A name for people: UTF-8 text, and `\xNN` for each byte that is not part of valid UTF-8. */
export function fromByteString(name: ByteString): string {
  return decode(name, (byte) => `\\x${byte.toString(16)}`);
}

/** The order of names by their raw bytes; the only order fledge sorts by. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** What `parseSize` takes for a size, in the form that a JSON Schema can hold. */
export const SIZE: RegExp = /^\s*\d+(\.\d+(?=\s*[KMGTkmgt]))?\s*[KMGTkmgt]?([iI]?[bB])?\s*$/;

/**
 * Bytes of a size such as `64M`, `1.5G`, `512KiB` or `4096`; K, M, G and T are powers of 1024.
 * Throws a `config` error for anything else.
 */
export function parseSize(text: string | number): number {
  if (typeof text === "number" && Number.isSafeInteger(text) && text >= 0) return text;
  const match = /^(\d+(?:\.\d+(?=\s*[KMGT]))?)\s*([KMGT]?)(?:i?B)?$/i.exec(String(text).trim());
  const bytes = match ? Math.round(Number(match[1]) * (UNITS[(match[2] ?? "").toUpperCase()] ?? 1)) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new FledgeError("config", `"${text}" is not a size`, { hint: 'write it like "64M", "1.5G" or 4096 (bytes)' });
  }
  return bytes;
}

/** A size for people: `999 B`, `1.5 KiB`, `64.0 MiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
}

/** UTF-8 as text, and each byte that is no part of it as `spell` says. */
function decode(name: ByteString, spell: (byte: number) => string): string {
  if (/^[\x00-\x7f]*$/.test(name)) return name;
  const bytes = Buffer.from(name, "latin1");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const length = utf8Length(bytes, i);
    out += length > 0 ? bytes.toString("utf8", i, i + length) : spell(bytes[i] as number);
    i += Math.max(1, length);
  }
  return out;
}

function unescapeBytes(text: string): string {
  return Array.from(text, (char) => String.fromCharCode(char.charCodeAt(0) - ESCAPE_BASE)).join("");
}

/** How many bytes the valid UTF-8 character at `start` takes, or 0. */
function utf8Length(bytes: Buffer, start: number): number {
  for (let length = 1; length <= 4 && start + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(start, start + length))) return length;
  }
  return 0;
}

/** A change of size for people: `+1.5 KiB`, `-64.0 MiB`. */
export function formatGrowth(bytes: number): string {
  return `${bytes < 0 ? "-" : "+"}${formatSize(Math.abs(bytes))}`;
}
