import fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodePaxRecord,
  type PaxRecord,
  parsePax,
  parsePaxNumber,
  parsePaxTime,
} from "../../../../src/rootfs/tar/pax.ts";

function recordsOf(bytes: Buffer): PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  return parsePax(bytes, (key, value) => void records.push([key, value])) ? records : undefined;
}

test("records keep every byte, newlines and equal signs in values too", () => {
  const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  const key = fc.string({ unit: fc.constantFrom(..."abcXYZ.09\xe9"), minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, latin1)), (records) => {
      const bytes = Buffer.concat(records.map(([k, v]) => encodePaxRecord(k, v)));
      expect(recordsOf(bytes)).toEqual(records);
    }),
  );
});

test("the length of a record counts its own digits", () => {
  for (const length of [1, 5, 88, 89, 90, 91, 92, 93, 980, 990, 991, 992]) {
    const record = encodePaxRecord("path", "x".repeat(length));
    expect(Number.parseInt(record.toString(), 10)).toBe(record.length);
  }
});

test.each([
  ["no length", "path=a\n"],
  ["a length past the end", "99 path=a\n"],
  ["no newline at the end", "9 path=ab"],
  ["no equal sign", "8 pathab\n"],
  ["no key", "5 =a\n"],
  ["zeros behind the records", "10 path=a\n\0\0"],
  ["a negative length", "-9 path=a\n"],
  ["nothing but a number", "9"],
])("a header with %s is malformed", (_, text) => {
  expect(recordsOf(Buffer.from(text))).toBeUndefined();
});

test.each([
  ["0", 0, 0],
  ["1700000000.25", 1_700_000_000, 250_000_000],
  ["1.0000000019", 1, 1],
  ["1.", 1, 0],
  ["-1", -1, 0],
  ["-1.5", -2, 500_000_000],
  ["-0.25", -1, 750_000_000],
  ["-0", 0, 0],
])("the time %s is %d s and %d ns", (text, sec, nsec) => {
  expect(parsePaxTime(text)).toEqual({ sec, nsec });
});

test("what is no time or number is not guessed at", () => {
  for (const text of ["", "x", "1e5", "1.2.3", "--1", "1 2", "."]) expect(parsePaxTime(text), text).toBeUndefined();
  for (const text of ["", "0x10", "1.5", "+-1", "1 2", " "]) expect(parsePaxNumber(text), text).toBeUndefined();
});

test.each([
  ["4294967295", 4_294_967_295],
  ["-2", -2],
  ["+7", 7],
  [" 12", 12],
  ["12 \0", 12],
  [`${"0".repeat(40)}1000`, 1000],
  ["00000000000000000000", 0],
  ["9".repeat(400), Number.MAX_SAFE_INTEGER],
  [`-${"9".repeat(20)}`, -Number.MAX_SAFE_INTEGER],
])("the number %j as writers put it is %d", (text, value) => {
  expect(parsePaxNumber(text)).toBe(value);
});

test.each([
  [" 5", 5, 0],
  ["+5.5", 5, 500_000_000],
  ["00000000000000000000000001.5", 1, 500_000_000],
  ["5.", 5, 0],
  ["9".repeat(30), 2 ** 52, 0],
  [`-${"9".repeat(30)}`, -(2 ** 52), 0],
])("the time %j as writers put it", (text, sec, nsec) => {
  expect(parsePaxTime(text)).toEqual({ sec, nsec });
});
