import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ByteString } from "../../../../src/lib/bytes.ts";
import type { LayerEntry } from "../../../../src/rootfs/layer.ts";
import { decodeIndex, encodeIndex } from "../../../../src/rootfs/layers/layer-index.ts";

const storedFile = "/store/layer.tar";
const bytes = fc.uint8Array({ maxLength: 40 });
const name = bytes.map((value) => Buffer.from(value).toString("latin1") as ByteString);
const u32 = fc.nat({ max: 2 ** 32 - 1 });
const large = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const metadata = fc.record({
  mode: fc.nat({ max: 0o7777 }),
  uid: u32,
  gid: u32,
  mtime: fc.record({ sec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), nsec: fc.nat({ max: 999_999_999 }) }),
  xattrs: fc.array(fc.tuple(name, bytes), { maxLength: 3 }).map((pairs) => new Map(pairs)),
});
const segments = fc.array(fc.record({ at: large, length: large }), { maxLength: 5 });
const content = fc.oneof(
  fc.record({ kind: fc.constant("stored" as const), file: fc.constant(storedFile), offset: large }),
  fc.record({ kind: fc.constant("stored" as const), file: fc.constant(storedFile), offset: large, segments }),
  fc.record({ kind: fc.constant("inline" as const), bytes }),
);
const common = { path: name, metadata };
const entry: fc.Arbitrary<LayerEntry> = fc.oneof(
  fc.record({ ...common, type: fc.constant("file" as const), size: large, content }),
  fc.record({ ...common, type: fc.constantFrom("dir" as const, "fifo" as const, "socket" as const) }),
  fc.record({ ...common, type: fc.constantFrom("symlink" as const, "hardlink" as const), target: name }),
  fc.record({ ...common, type: fc.constantFrom("char" as const, "block" as const), major: u32, minor: u32 }),
) as fc.Arbitrary<LayerEntry>;

test("every entry comes back as it was, as often as it is asked for", () => {
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const index = decodeIndex(encodeIndex(entries), { storedFile });
      expect([...index]).toEqual(entries);
      expect([...index]).toEqual(entries);
    }),
  );
});

test("damage to any byte is noticed at once", () => {
  const [first] = fc.sample(fc.array(entry, { minLength: 5, maxLength: 5 }), { numRuns: 1, seed: 1 });
  const index = encodeIndex(first as LayerEntry[]);
  for (let at = 0; at < index.length; at++) {
    const damaged = Buffer.from(index);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    expect(() => decodeIndex(damaged, { storedFile }), `byte ${at}`).toThrow("cannot be used");
    expect(() => decodeIndex(index.subarray(0, at), { storedFile })).toThrow("cannot be used");
  }
});

test("a version of another time is no index", () => {
  const index = Buffer.from(encodeIndex([]));
  index.write("fledgeL0");
  expect(() => decodeIndex(index, { storedFile })).toThrow(
    expect.objectContaining({ code: "store", message: expect.stringContaining("of another version of fledge") }),
  );
});

test("what points at the host is no layer of the store", () => {
  const foreign = { kind: "file", path: "/etc/passwd" } as const;
  const [one] = fc.sample(metadata, 1);
  if (one === undefined) throw new Error("no sample");
  const file: LayerEntry = { path: "f" as ByteString, metadata: one, type: "file", size: 1, content: foreign };
  expect(() => encodeIndex([file])).toThrow(expect.objectContaining({ code: "internal" }));
});

test("an index that somebody made up, checksum and all, is an error and ends", () => {
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 4 }),
      fc.uint8Array({ maxLength: 12 }),
      fc.nat(),
      (entries, noise, where) => {
        const index = Buffer.from(encodeIndex(entries));
        const at = 40 + (where % (index.length - 40));
        index.set(noise.subarray(0, index.length - at), at);
        createHash("sha256").update(index.subarray(40)).digest().copy(index, 8);
        try {
          let bytes = 0;
          for (const {
            path,
            metadata: { xattrs },
          } of decodeIndex(index, { storedFile })) {
            bytes += path.length + xattrs.size;
            expect(bytes).toBeLessThanOrEqual(index.length);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: "store", message: expect.stringContaining("cannot be used") });
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("an index that claims a million entries, xattrs or segments ends where its bytes do", () => {
  const head = [0x80, 0x80, 0x40];
  const file = [0, 1, 0x61, 0, 0, 0, 0, 0];
  for (const body of [
    head,
    [1, ...file, ...head],
    [1, ...file, 0, 5, 1, 0, ...head],
    [1, ...file, 0, 0xff, 0xff, 0xff, 0xff],
  ]) {
    const rest = Buffer.from(body);
    const index = Buffer.concat([Buffer.from("fledgeL2"), createHash("sha256").update(rest).digest(), rest]);
    expect(() => [...decodeIndex(index, { storedFile })]).toThrow(expect.objectContaining({ code: "store" }));
  }
});
