import fc from "fast-check";
import type { DirInode, Inode } from "../../src/rootfs/node.ts";
import { type Attributes, device, dir, file, pipe, symlink, xattrsOf } from "./inodes.ts";

/** Any bytes that may stand in a name of Linux, in latin1 form; `forbidden` ones become "_". */
const anyBytes = (maxLength: number, forbidden: RegExp): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: 1, maxLength })
    .map((bytes) => Buffer.from(bytes).toString("latin1").replace(forbidden, "_"));

const name = fc
  .oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9._-]{1,12}$/) },
    { weight: 1, arbitrary: anyBytes(255, /[/\0]/g) },
  )
  .filter((text) => text !== "." && text !== "..");

const xattrs = fc.oneof(
  { weight: 5, arbitrary: fc.constant(xattrsOf([])) },
  {
    weight: 1,
    arbitrary: fc
      .dictionary(
        fc
          .oneof(fc.stringMatching(/^[a-z.]{1,20}$/), anyBytes(30, /\0/g), fc.constantFrom("a=b", "%3D", "100%", "\n"))
          .chain((tail) => fc.constantFrom(`user.${tail}`, `trusted.${tail}`, `security.fledge.${tail}`)),
        fc.uint8Array({ maxLength: 300 }),
        { maxKeys: 6 },
      )
      .map((pairs) => xattrsOf(Object.entries(pairs))),
  },
);

/** The kernel takes user.* on files and folders alone; on anything else it hides them. */
const withoutUser = (attributes: Attributes): Attributes => ({
  ...attributes,
  xattrs: xattrsOf([...(attributes.xattrs ?? [])].filter(([key]) => !key.startsWith("user."))),
});

const attributes: fc.Arbitrary<Attributes> = fc.record({
  mode: fc.nat(0o7777),
  uid: fc.oneof(fc.constant(0), fc.nat(0xfffffffe)),
  gid: fc.oneof(fc.constant(0), fc.nat(0xfffffffe)),
  // ext4 begins at -(2 ** 31), and what is set there loses its fraction.
  mtime: fc.record({ sec: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 33 }), nsec: fc.nat(999_999_999) }),
  xattrs,
});

const content = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 40_000 }).map((length) => new Uint8Array(length).fill(0x61)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(4), fc.nat(4), fc.nat(9000))
      .map(([before, after, length]) =>
        Buffer.concat([Buffer.alloc(before * 4096), Buffer.alloc(length, 7), Buffer.alloc(after * 4096)]),
      ),
  },
);

const leaf: fc.Arbitrary<Inode> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(content, attributes).map(([bytes, a]) => file(bytes, a)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.oneof(
          fc.integer({ min: 1, max: 300 }).map((length) => "t".repeat(length)),
          anyBytes(300, /\0/g),
        ),
        attributes,
      )
      .map(([target, a]) => symlink(Buffer.from(target, "latin1"), { ...withoutUser(a), mode: 0o777 })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("char" as const, "block" as const), fc.nat(4095), fc.nat(1_048_575), attributes)
      .map(([type, major, minor, a]) => device(type, major, minor, withoutUser(a))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("fifo" as const, "socket" as const), attributes)
      .map(([type, a]) => pipe(type, withoutUser(a))),
  },
);

/** Trees of every kind of inode, up to four folders deep, with hard links among them. */
export const randomTree: fc.Arbitrary<DirInode> = fc
  .tuple(
    fc.letrec<{ folder: DirInode; node: Inode }>((tie) => ({
      folder: fc
        .tuple(fc.uniqueArray(fc.tuple(name, tie("node")), { selector: ([key]) => key, maxLength: 12 }), attributes)
        .map(([names, a]) => dir(names, a)),
      node: fc.oneof(
        { depthSize: "small", maxDepth: 4 },
        { weight: 3, arbitrary: leaf },
        { weight: 1, arbitrary: tie("folder") },
      ),
    })).folder,
    fc.array(fc.tuple(fc.nat(), fc.nat(), name), { maxLength: 5 }),
  )
  .map(([root, links]) => {
    for (const [from, to, key] of links) addLink(root, { from, to, key });
    return root;
  });

function addLink(root: DirInode, { from, to, key }: { from: number; to: number; key: string }): void {
  const folders: DirInode[] = [];
  const others: Inode[] = [];
  const visit = (folder: DirInode): void => {
    folders.push(folder);
    for (const child of folder.children.values()) child.type === "dir" ? visit(child) : others.push(child);
  };
  visit(root);
  const inode = others[from % Math.max(1, others.length)];
  const folder = folders[to % folders.length];
  if (inode && folder && !folder.children.has(key as never)) folder.children.set(key as never, inode);
}
