import { describe, expect, test } from "vitest";
import { crc32c, crc32cU32 } from "../../../../../src/imagers/ext4/structures/crc32c.ts";

/** The plain CRC-32C: with the final inversion that ext4 leaves out. */
function inverted(bytes: Uint8Array): number {
  return (crc32c(0xffffffff, bytes) ^ 0xffffffff) >>> 0;
}

describe("crc32c", () => {
  // RFC 3720, appendix B.4, as numbers.
  test.each([
    ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["nothing", Buffer.alloc(0), 0],
  ])("%s", (_, bytes, expected) => {
    expect(inverted(bytes)).toBe(expected);
  });

  test("goes on where it stopped, at any split", () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 37) & 0xff));
    const whole = crc32c(0xffffffff, bytes);
    for (let split = 0; split <= bytes.length; split++) {
      expect(crc32c(crc32c(0xffffffff, bytes, 0, split), bytes, split)).toBe(whole);
    }
  });

  test("a number is its little-endian bytes", () => {
    const bytes = Buffer.from([0x78, 0x56, 0x34, 0xf2]);
    expect(crc32cU32(0x1234, 0xf2345678)).toBe(crc32c(0x1234, bytes));
  });
});
