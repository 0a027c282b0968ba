import type { ByteString } from "../../../lib/bytes.ts";

/** The four words of `s_hash_seed`. */
export type HashSeed = readonly [number, number, number, number];

/** Words of a name that one round of the hash takes in. */
const WORDS = 8;
const ROUND_BYTES: number = WORDS * 4;
const K2 = 0x5a827999;
const K3 = 0x6ed9eba1;
/** `EXT4_HTREE_EOF_32BIT << 1` marks the end of a directory for readdir, so no name may have it. */
const EOF_HASH = 0xfffffffe;

const input = new Int32Array(WORDS);
const state = new Int32Array(4);

/**
 * The hash by which htree directories are sorted: half MD4 over the name's bytes taken as signed chars
 * (`s_flags` says which), its lowest bit clear. Kernel fs/ext4/hash.c; `debugfs -R "dx_hash"` prints the same.
 */
export function dirHash(name: ByteString, seed: HashSeed): number {
  state.set(seed);
  for (let at = 0; at < name.length; at += ROUND_BYTES) {
    loadWords(name, at);
    halfMd4();
  }
  const hash = ((state[1] as number) & ~1) >>> 0;
  return hash === EOF_HASH ? EOF_HASH - 2 : hash;
}

/** Packs the name from `at` on into words, padded with its remaining length. */
function loadWords(name: string, at: number): void {
  const length = name.length - at;
  const pad = length | (length << 8) | (length << 16) | (length << 24) | 0;
  for (let word = 0; word < WORDS; word++) {
    let value = pad;
    const start = at + word * 4;
    const stop = Math.min(start + 4, name.length);
    for (let i = start; i < stop; i++) value = ((value << 8) + ((name.charCodeAt(i) << 24) >> 24)) | 0;
    input[word] = value;
  }
}

function halfMd4(): void {
  const [i0, i1, i2, i3, i4, i5, i6, i7] = input as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  let [a, b, c, d] = state as unknown as [number, number, number, number];

  a = rol(a + f(b, c, d) + i0, 3);
  d = rol(d + f(a, b, c) + i1, 7);
  c = rol(c + f(d, a, b) + i2, 11);
  b = rol(b + f(c, d, a) + i3, 19);
  a = rol(a + f(b, c, d) + i4, 3);
  d = rol(d + f(a, b, c) + i5, 7);
  c = rol(c + f(d, a, b) + i6, 11);
  b = rol(b + f(c, d, a) + i7, 19);

  a = rol(a + g(b, c, d) + i1 + K2, 3);
  d = rol(d + g(a, b, c) + i3 + K2, 5);
  c = rol(c + g(d, a, b) + i5 + K2, 9);
  b = rol(b + g(c, d, a) + i7 + K2, 13);
  a = rol(a + g(b, c, d) + i0 + K2, 3);
  d = rol(d + g(a, b, c) + i2 + K2, 5);
  c = rol(c + g(d, a, b) + i4 + K2, 9);
  b = rol(b + g(c, d, a) + i6 + K2, 13);

  a = rol(a + h(b, c, d) + i3 + K3, 3);
  d = rol(d + h(a, b, c) + i7 + K3, 9);
  c = rol(c + h(d, a, b) + i2 + K3, 11);
  b = rol(b + h(c, d, a) + i6 + K3, 15);
  a = rol(a + h(b, c, d) + i1 + K3, 3);
  d = rol(d + h(a, b, c) + i5 + K3, 9);
  c = rol(c + h(d, a, b) + i0 + K3, 11);
  b = rol(b + h(c, d, a) + i4 + K3, 15);

  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
}

/** The sums stay below 2^53, so taking them modulo 2^32 only here loses nothing. */
function rol(value: number, bits: number): number {
  const word = value | 0;
  return (word << bits) | (word >>> (32 - bits));
}

function f(x: number, y: number, z: number): number {
  return z ^ (x & (y ^ z));
}

function g(x: number, y: number, z: number): number {
  return ((x & y) + ((x ^ y) & z)) | 0;
}

function h(x: number, y: number, z: number): number {
  return x ^ y ^ z;
}
