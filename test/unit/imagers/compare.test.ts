import { expect, test } from "vitest";
import { compareTrees } from "../../../src/imagers/compare.ts";
import type { Inode } from "../../../src/rootfs/node.ts";
import { device, dir, file, seal, symlink } from "../../helpers/inodes.ts";

const ctx = { signal: new AbortController().signal, progress: () => {} };
const compare = (expected: Record<string, Inode>, actual: Record<string, Inode>) =>
  compareTrees(seal(dir(expected)), seal(dir(actual)), {}, ctx);

test("the same tree passes", async () => {
  const shared = file("x");
  const again = file("x");
  await compare({ a: shared, b: dir({ c: shared }) }, { a: again, b: dir({ c: again }) });
});

test.each<[what: string, expected: Record<string, Inode>, actual: Record<string, Inode>, message: string]>([
  ["a missing name", { a: file(), b: file() }, { b: file() }, "/a is missing from the image"],
  ["a missing last name", { a: file(), b: file() }, { a: file() }, "/b is missing from the image"],
  ["one name too many", { b: file() }, { a: file(), b: file() }, "/a is in the image, but not in the tree"],
  ["one name too many at the end", { a: file() }, { a: file(), b: file() }, "/b is in the image, but not in the tree"],
  ["another type", { a: file() }, { a: dir() }, "/a type is dir, should be file"],
  [
    "another mode",
    { a: file("", { mode: 0o4755 }) },
    { a: file("", { mode: 0o755 }) },
    "/a mode is 755, should be 4755",
  ],
  ["another owner", { a: file("", { uid: 7 }) }, { a: file() }, "/a owner is 0:0, should be 7:0"],
  ["another size", { a: file("xy") }, { a: file("x") }, "/a size is 1, should be 2"],
  ["other bytes", { a: file("x") }, { a: file("y") }, "/a has other content"],
  ["another target", { a: symlink("x") }, { a: symlink("y") }, "/a target is y, should be x"],
  [
    "another device",
    { a: device("char", 1, 3) },
    { a: device("char", 1, 5) },
    "/a device number is 1:5, should be 1:3",
  ],
  [
    "another time",
    { a: file("", { mtime: { sec: 1, nsec: 5 } }) },
    { a: file("", { mtime: { sec: 1, nsec: 0 } }) },
    "/a mtime is 1.000000000, should be 1.000000005",
  ],
  ["a lost attribute", { a: xattr("user.a", "1") }, { a: file() }, "/a lacks the extended attribute user.a"],
  ["another attribute", { a: xattr("user.a", "1") }, { a: xattr("user.a", "2") }, "/a has another value of user.a"],
  [
    "one attribute too many",
    { a: file() },
    { a: xattr("user.a", "1") },
    "/a has the extended attribute user.a, which the tree has not",
  ],
])("%s is found", async (_what, expected, actual, message) => {
  await expect(compare(expected, actual)).rejects.toMatchObject({ code: "verify", message });
});

test("links are compared both ways", async () => {
  const shared = file("x");
  const linked = { a: shared, b: shared };
  await expect(compare(linked, { a: file("x"), b: file("x") })).rejects.toThrow("/b is not linked");
  await expect(compare({ a: file("x"), b: file("x") }, linked)).rejects.toThrow("/b is linked to a name that");
});

test("what a format does not keep is not asked for", async () => {
  const expected = seal(dir({ a: xattr("trusted.a", "1"), s: { ...file(), type: "socket" } as never }));
  const actual = seal(dir({ a: file() }));
  const kept = { xattr: (name: string) => !name.startsWith("trusted."), inode: ({ type }: Inode) => type !== "socket" };
  await compareTrees(expected, actual, kept, ctx);
  await expect(compareTrees(expected, actual, {}, ctx)).rejects.toThrow("trusted.a");
});

function xattr(name: string, value: string): Inode {
  return file("", { xattrs: new Map([[name, Buffer.from(value)]]) });
}
