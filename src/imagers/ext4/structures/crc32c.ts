// Slicing by 8: eight tables of 256 entries, so that eight bytes cost eight look-ups and no shifting loop.
// Node 20 has only the CRC-32 of zlib, which is another polynomial.
const POLYNOMIAL = 0x82f63b78;
const [T0, T1, T2, T3, T4, T5, T6, T7] = buildTables() as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/**
 * CRC-32C (Castagnoli) as ext4 uses it: `crc` is the running register, 0xffffffff to begin with, and there is
 * no final inversion. Covers `bytes[start, end)`. Returns an unsigned 32-bit number.
 */
export function crc32c(crc: number, bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let c = crc | 0;
  let i = start;
  // `as number`: an index below `end` is always there; a check per byte would halve the speed.
  for (const stop = end - 7; i < stop; i += 8) {
    const low =
      c ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    c =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[bytes[i + 4] as number] as number) ^
      (T2[bytes[i + 5] as number] as number) ^
      (T1[bytes[i + 6] as number] as number) ^
      (T0[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) c = (T0[(c ^ (bytes[i] as number)) & 0xff] as number) ^ (c >>> 8);
  return c >>> 0;
}

/** Feeds a 32-bit number in the little-endian form it has on disk. */
export function crc32cU32(crc: number, value: number): number {
  let c = crc | 0;
  for (let shift = 0; shift < 32; shift += 8) {
    c = (T0[(c ^ (value >>> shift)) & 0xff] as number) ^ (c >>> 8);
  }
  return c >>> 0;
}

function buildTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    first[n] = c;
  }
  const tables = [first];
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1] as Int32Array;
    tables.push(before.map((c) => (first[c & 0xff] as number) ^ (c >>> 8)));
  }
  return tables;
}
