import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ByteString,
  compareBytes,
  formatSize,
  fromByteString,
  parseSize,
  toByteString,
  toText,
} from "../../../src/lib/bytes.ts";

test("text survives the way in and out, and sorts as its bytes do", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      expect(fromByteString(toByteString(a))).toBe(Buffer.from(a).toString());
      const order = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(compareBytes(toByteString(a), toByteString(b))).toBe(order);
    }),
  );
});

test("bytes that are not UTF-8 are shown, each by its number", () => {
  expect(fromByteString(toByteString(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3])))).toBe("a\\xffé\\xc3");
});

test("any bytes are text that leads back to them", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 4 }),
      fc.string({ unit: "binary" }),
      (parts, text) => {
        const bytes = Buffer.concat([...parts, Buffer.from(text)]);
        const name = bytes.toString("latin1") as ByteString;
        expect(toByteString(toText(name))).toBe(name);
      },
    ),
  );
  expect(toText("caf\xc3\xa9 \xff" as ByteString)).toBe("café \udcff");
});

test.each([
  ["64M", 64 * 2 ** 20],
  ["1.5G", 1.5 * 2 ** 30],
  ["512KiB", 512 * 1024],
  ["2 TB", 2 * 2 ** 40],
  ["0", 0],
  [4096, 4096],
])("%s is a size", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "M", "-1", "64X", "1e3", -5, 0.5])("%s is not a size", (text) => {
  expect(() => parseSize(text)).toThrow(/is not a size/);
});

test("sizes for people", () => {
  expect([0, 999, 1024, 1536, 64 * 2 ** 20, 3 * 2 ** 40].map(formatSize)).toEqual([
    "0 B",
    "999 B",
    "1.0 KiB",
    "1.5 KiB",
    "64.0 MiB",
    "3.0 TiB",
  ]);
});
