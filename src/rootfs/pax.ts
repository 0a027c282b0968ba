/** The records of a PAX header in order, keys and values one byte per character (latin1). */
export type PaxRecord = readonly [key: string, value: string];

/**
 * The records of a PAX extended header: `LENGTH KEY=VALUE\n`, LENGTH in decimal and counting the whole record (POSIX.1-2017,
 * pax, "pax Header Block"). Values are kept as bytes: those of `SCHILY.xattr.*` are binary, and names need not be UTF-8.
 * A key may repeat (GNU sparse 0.0 does). Returns undefined where the records are malformed.
 */
export function parsePax(bytes: Buffer): PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : bytes.toString("latin1", at, space);
    if (!/^\d{1,10}$/.test(digits)) return undefined;
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space + 1);
    if (end > bytes.length || equals < 0 || equals >= end - 1 || bytes[end - 1] !== 0x0a) return undefined;
    if (equals === space + 1) return undefined;
    records.push([bytes.toString("latin1", space + 1, equals), bytes.toString("latin1", equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** One record, its length counting itself. `value` is taken one byte per character. */
export function encodePaxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`, "latin1");
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Seconds and nanoseconds of a PAX time (`1700000000.25`, `-1.5`); digits past the ninth are cut. */
export function parsePaxTime(text: string): { sec: number; nsec: number } | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ""] = match;
  const sec = Number(whole);
  const nsec = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { sec, nsec };
  // -1.5 is half a second after -2: nanoseconds always count forward.
  return nsec === 0 ? { sec: sec === 0 ? 0 : -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

/** The decimal number of a PAX record, or undefined when it is none or too large to be exact. */
export function parsePaxNumber(text: string): number | undefined {
  if (!/^-?\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
