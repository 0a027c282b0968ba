/** The same numbers for the same seed (mulberry32): a finding can be made again. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) % below;
  };
}

/** What readers stumble over: ends of ranges, signs, separators, escapes. */
const WORDS = [
  "\0",
  "\xff\xff\xff\xff",
  "\x80\x80\x80\x80",
  "0",
  "-1",
  "9".repeat(30),
  "../",
  "%00",
  "\r\n",
  '"',
  "{",
  "[",
  "\\",
  "\u0000\x7f",
  ",",
  "=",
  ":",
  "__proto__",
  "\x1b[2J",
];

/** A few changes of bytes; `others` lend pieces. */
export function mutate(input: Buffer, others: readonly Buffer[], random: (below: number) => number): Buffer {
  let bytes = Buffer.from(input);
  for (let left = 1 + random(6); left > 0; left--) {
    const at = random(bytes.length + 1);
    const other = others[random(others.length)] ?? bytes;
    switch (random(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(40)))]);
        break;
      case 3:
        bytes = insert(bytes, at, Buffer.from(WORDS[random(WORDS.length)] as string, "latin1"));
        break;
      case 4: {
        const from = random(other.length + 1);
        bytes = insert(bytes, at, other.subarray(from, from + random(600)));
        break;
      }
      case 5:
        bytes = bytes.subarray(0, at);
        break;
      default:
        bytes = insert(bytes, at, bytes.subarray(at, at + 1 + random(64)));
    }
  }
  return Buffer.from(bytes.subarray(0, MAX_INPUT_BYTES));
}

/** Larger ones only cost time. */
export const MAX_INPUT_BYTES = 4 * 2 ** 20;

function insert(bytes: Buffer, at: number, piece: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}
