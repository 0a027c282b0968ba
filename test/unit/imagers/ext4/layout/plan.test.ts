import { describe, expect, test } from "vitest";
import { extentsOf, planExt4 } from "../../../../../src/imagers/ext4/layout/plan.ts";
import { resolveExt4Options } from "../../../../../src/imagers/ext4/options.ts";
import type { Inode } from "../../../../../src/rootfs/node.ts";
import { ext4Options } from "../../../../helpers/ext4.ts";
import { type Attributes, device, dir, file, seal, stored, symlink } from "../../../../helpers/inodes.ts";

const MIB = 1024 * 1024;
const plan = (names: Record<string, Inode>, changes = {}) => planExt4(seal(dir(names)), ext4Options(changes));

describe("options", () => {
  test("defaults", () => {
    expect(resolveExt4Options({ type: "ext4" }, "web")).toEqual({
      type: "ext4",
      engine: "native",
      headroomBytes: 64 * MIB,
      sizeBytes: undefined,
      journal: true,
      preallocate: false,
      label: "web",
      uuid: undefined,
    });
  });
  test("sizes as text or number, label and UUID", () => {
    const uuid = "12345678-9ABC-def0-1234-56789abcdef0";
    const options = resolveExt4Options({ type: "ext4", headroom: 0, size: "1.5G", label: "x", uuid }, "web");
    expect(options).toMatchObject({ headroomBytes: 0, sizeBytes: 1536 * MIB, label: "x", uuid: uuid.toLowerCase() });
  });
  test.each([{ headroom: "much" }, { size: -1 }, { uuid: "x" }, { label: "" }, { blocksize: 1 }])(
    "%o is refused",
    (bad) => {
      expect(() => resolveExt4Options({ type: "ext4", ...bad } as never, "web")).toThrow();
    },
  );
});

describe("size", () => {
  test("headroom is all that an image grows by, but for inodes and the kernel's reserve", () => {
    const small = plan({ a: file("x") }, { headroomBytes: 1 * MIB }).imageBytes;
    const large = plan({ a: file("x") }, { headroomBytes: 65 * MIB }).imageBytes;
    expect(large - small).toBeGreaterThanOrEqual(64 * MIB);
    expect(large - small).toBeLessThan(64 * MIB * 1.04);
  });

  test("an empty tree without headroom and journal is tiny", () => {
    expect(plan({}, { headroomBytes: 0, journal: false }).imageBytes).toBeLessThan(128 * 1024);
  });

  test("a fixed size is the size of the file, to a whole block", () => {
    expect(plan({}, { sizeBytes: 10 * MIB }).imageBytes).toBe(10 * MIB);
    expect(plan({}, { sizeBytes: 10 * MIB + 1 }).imageBytes).toBe(10 * MIB + 4096);
  });

  test("a fixed size that is too small says by how much, to the block", () => {
    const big = stored({ file: "nowhere", offset: 0, size: 20 * MIB });
    const attempt = (sizeBytes: number) => () => plan({ big }, { sizeBytes });
    const missing = Number(/(\d+) bytes/.exec(messageOf(attempt(10 * MIB)))?.[1]);
    expect(missing).toBeGreaterThan(10 * MIB);
    expect(attempt(10 * MIB + missing)).not.toThrow();
    expect(attempt(10 * MIB + missing - 4096)).toThrow(/4096 bytes/);
  });
});

test.each([{ headroomBytes: 2 ** 40 }, { headroomBytes: 15 * 2 ** 40 }, { sizeBytes: 15 * 2 ** 40 }])(
  "planning is linear in the groups: %j",
  (changes) => {
    const timeOf = (options: object): number => {
      const started = performance.now();
      plan({ a: file("x") }, options);
      return performance.now() - started;
    };
    timeOf({ headroomBytes: 2 ** 36 });
    // Trying one number of groups after the other took 30 seconds for the first of them.
    expect(timeOf(changes)).toBeLessThan(5000);
  },
  30_000,
);

test("what ext4 cannot hold is an error at once", () => {
  expect(() => plan({}, { headroomBytes: 2 ** 53 })).toThrow(/ext4 ends at 16 TiB/);
});

describe("holes", () => {
  test("blocks of zeros that are in memory take no space", () => {
    const p = plan({ a: file(Buffer.concat([Buffer.alloc(8192), Buffer.from("x"), Buffer.alloc(9000)])) });
    expect(extentsOf(p, 2)).toMatchObject([{ logical: 2, length: 1 }]);
  });
  test("segments are rounded to blocks and joined", () => {
    const segments = [
      { at: 4000, length: 200 },
      { at: 8300, length: 1 },
      { at: 40_000, length: 5 },
    ];
    const p = plan({ a: stored({ file: "x", offset: 0, size: 100_000, segments }) });
    expect(extentsOf(p, 2)).toMatchObject([
      { logical: 0, length: 3 },
      { logical: 9, length: 1 },
    ]);
  });
});

describe("identity", () => {
  const uuidOf = (names: Record<string, Inode>, changes = {}) => plan(names, changes).uuid.toString("hex");
  const base = () => ({ a: file("x"), l: symlink("a"), s: stored({ file: "one", offset: 5, size: 10 }) });

  test("is a UUID of version 8 and the same for the same tree, wherever its contents lie", () => {
    expect(uuidOf(base())).toBe(uuidOf({ ...base(), s: stored({ file: "elsewhere", offset: 7, size: 10 }) }));
    expect(uuidOf(base())).toMatch(/^.{12}8.{3}[89ab]/);
  });
  test.each<[string, Record<string, Inode>, object]>([
    ["a name", { ...base(), b: file() }, {}],
    ["a byte in memory", { ...base(), a: file("y") }, {}],
    ["a size", { ...base(), s: stored({ file: "one", offset: 5, size: 11 }) }, {}],
    ["a mode", { ...base(), a: file("x", { mode: 0o600 }) }, {}],
    ["a nanosecond", { ...base(), a: file("x", { mtime: { sec: 1_700_000_000, nsec: 1 } }) }, {}],
    ["an attribute", { ...base(), a: file("x", { xattrs: new Map([["user.a", Buffer.from("b")]]) }) }, {}],
    ["a target", { ...base(), l: symlink("b") }, {}],
    ["the label", base(), { label: "other" }],
    ["the headroom", base(), { headroomBytes: 0 }],
  ])("changes with %s", (_, names, changes) => {
    expect(uuidOf(names, changes)).not.toBe(uuidOf(base()));
  });
  test("may be given", () => {
    const uuid = "12345678-9abc-def0-1234-56789abcdef0";
    expect(uuidOf(base(), { uuid })).toBe(uuid.replaceAll("-", ""));
  });
});

describe("what ext4 cannot hold is an error that names the path", () => {
  const far = (sec: number): Attributes => ({ mtime: { sec, nsec: 0 } });
  test.each<[string, Record<string, Inode>, RegExp]>([
    ["a name of 256 bytes", { d: dir({ ["n".repeat(256)]: file() }) }, /^\/d\/n{256} has a name of 256 bytes/],
    ["a name with a slash", { d: dir({ "a/b": file() }) }, /^\/d\/a\/b has the name "a\/b"/],
    ["a name that is ..", { "..": file() }, /^\/\.\. has the name/],
    ["an empty target", { l: symlink("") }, /^\/l has a target of 0 bytes/],
    ["a target of a whole block", { l: symlink("x".repeat(4096)) }, /^\/l has a target of 4096 bytes/],
    ["a major of 13 bits", { c: device("char", 4096, 0) }, /^\/c has the device number 4096:0/],
    ["a minor of 21 bits", { b: device("block", 0, 2 ** 20) }, /^\/b has the device number/],
    ["an owner of 33 bits", { f: file("", { uid: 2 ** 32 }) }, /^\/f has the owner 4294967296:0/],
    ["a negative owner", { f: file("", { gid: -1 }) }, /^\/f has the owner 0:-1/],
    ["a time of the year 2500", { f: file("", far(16_725_225_600)) }, /^\/f: ext4 cannot store/],
    ["a file of 17 TiB", { f: stored({ file: "x", offset: 0, size: 17 * 2 ** 40, segments: [] }) }, /^\/f is larger/],
    ["an unknown namespace", { f: file("", { xattrs: new Map([["odd.x", Buffer.alloc(1)]]) }) }, /^\/f: .*odd\.x/],
  ])("%s", (_, names, message) => {
    expect(() => plan(names)).toThrow(message);
    try {
      plan(names);
    } catch (error) {
      expect(error).toMatchObject({ code: "image" });
    }
  });

  test("65,001 names of one file", () => {
    const shared = file();
    const names = Object.fromEntries(Array.from({ length: 65_001 }, (_, i) => [`n${i}`, shared]));
    expect(() => plan(names)).toThrow(/has 65001 names; ext4 takes 65000/);
  });
});

function messageOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}
