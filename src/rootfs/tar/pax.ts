/** A record of a PAX header, key and value one byte per character (latin1). */
export type PaxRecord = readonly [key: string, value: string];

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/**
 * Hands on the records of a PAX extended header, in order: `LENGTH KEY=VALUE\n`, LENGTH in decimal and counting the whole
 * record (POSIX.1-2017, pax, "pax Header Block"). Values are bytes: those of `SCHILY.xattr.*` are binary, and names need not
 * be UTF-8. A key may repeat (GNU sparse 0.0 does). Returns false where the records are malformed.
 */
export function parsePax(bytes: Buffer, onRecord: (key: string, value: string) => void): boolean {
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    let space = at;
    for (; isDigit(bytes[space]); space++) length = length * 10 + (bytes[space] as number) - 0x30;
    const end = at + length;
    if (space === at || bytes[space] !== SPACE || end > bytes.length || bytes[end - 1] !== NEWLINE) return false;
    // The record's own bytes only: looking on would make many records without one quadratic.
    const equals = bytes.subarray(space + 1, end).indexOf(EQUALS) + space + 1;
    if (equals <= space + 1) return false;
    onRecord(bytes.toString("latin1", space + 1, equals), bytes.toString("latin1", equals + 1, end - 1));
    at = end;
  }
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** One record, its length counting itself. `value` is taken one byte per character. */
export function encodePaxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`, "latin1");
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Times beyond this are as good as this: no filesystem holds them, and the numbers stay exact. */
export const MAX_TIME_SEC = 2 ** 52;

/** Seconds and nanoseconds of a PAX time (`1700000000.25`, `-1.5`); digits past the ninth are cut. */
export function parsePaxTime(text: string): { sec: number; nsec: number } | undefined {
  const match = /^[\s\0]*([+-]?)(\d+)(?:\.(\d*))?[\s\0]*$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ""] = match;
  const sec = Math.min(Number(whole), MAX_TIME_SEC);
  const nsec = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { sec, nsec };
  // -1.5 is half a second after -2: nanoseconds always count forward.
  return nsec === 0 ? { sec: sec === 0 ? 0 : -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

/**
 * The decimal number of a PAX record, or undefined when it is none: with a sign, any leading zeros and blanks around it, all
 * of which are met. One too large to be exact is the largest that is, which is out of range for all that asks.
 */
export function parsePaxNumber(text: string): number | undefined {
  const match = /^[\s\0]*([+-]?\d+)[\s\0]*$/.exec(text);
  if (match === null) return undefined;
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number(match[1]), Number.MAX_SAFE_INTEGER));
}
