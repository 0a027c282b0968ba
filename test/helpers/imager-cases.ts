import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DirInode, Inode } from "../../src/rootfs/node.ts";
import { menagerie } from "./conforms.ts";
import { device, dir, file, pipe, stored, symlink, xattrsOf } from "./inodes.ts";

/** A tree that every imager must carry; a case may put what its files point into in the folder. */
export type ImagerCase = readonly [title: string, make: (folder: string) => DirInode];

const MIB = 1024 * 1024;
const CAPABILITY = Buffer.from("0100000280c0000000000000ff00000000000000", "hex");

export const IMAGER_CASES: readonly ImagerCase[] = [
  ["nothing but the root", () => dir({}, { mode: 0o700, uid: 12, gid: 34, mtime: { sec: 1, nsec: 0 } })],
  ["one of everything", () => menagerie().entries[0]?.inode.node as DirInode],
  ["odd names", oddNames],
  ["hard links", hardLinks],
  ["capabilities and other extended attributes", xattrs],
  ["devices", devices],
  ["times", times],
  ["large files, and files of holes", largeFiles],
  ["very many names in a folder", manyNames],
];

function oddNames(): DirInode {
  const bytes = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).filter(
    (char) => !"/.".includes(char),
  );
  const names = [
    ...bytes,
    ...[
      "-rf",
      "--help",
      " ",
      " leading",
      "trailing ",
      "a\nb",
      "a\\b",
      "a\\012b",
      "'\"`$(x)",
      "*?[",
      "#",
      "=",
      ":",
      "@",
    ],
    ...["...", ".hidden", ".wh.not-a-whiteout", "GNUSparseFile.0", "PaxHeader", "n".repeat(255), "\xff".repeat(255)],
    ...["café", "cafe\u0301", "日本"].map((text) => Buffer.from(text).toString("latin1")),
  ];
  let deep = dir({ end: file("deep") });
  for (let i = 0; i < 15; i++) deep = dir({ [`${i}`.padStart(240, "-")]: deep });
  return dir([
    ...names.map((name): [string, Inode] => [name, file(`${name.length}`)]),
    ["folders", dir(names.map((name): [string, Inode] => [name, dir()]))],
    ["links", dir(names.map((name, i): [string, Inode] => [`${i}`, { ...symlink("x"), target: name as never }]))],
    ["targets", dir(TARGETS.map((target, i): [string, Inode] => [`${i}`, symlink(target)]))],
    ["deep", deep],
  ]);
}

/** Relative, absolute, unclean; each short and too long for the field of a tar header. */
const TARGETS = ["/abs", "../up", "./here", "../../far", "//two", "a/", "..", ".", "/"].flatMap((target) => [
  target,
  `${target}${"/long".repeat(40)}`,
]);

function hardLinks(): DirInode {
  const shared = file("shared", { mode: 0o4755 });
  const link = symlink("elsewhere");
  const node = device("char", 1, 7);
  const fifo = pipe("fifo");
  const empty = file("");
  return dir({
    a: dir({ x: shared, y: shared, ["long".repeat(50)]: shared }),
    b: dir({ c: dir({ d: shared, link, node, fifo, empty }) }),
    many: dir(Array.from({ length: 300 }, (_, i): [string, Inode] => [`${i}`, shared])),
    z: shared,
    link,
    node,
    fifo,
    empty,
  });
}

function xattrs(): DirInode {
  const having = (names: Record<string, Uint8Array>) => ({ xattrs: xattrsOf(Object.entries(names)) });
  return dir(
    {
      cap: file("x", { mode: 0o755, ...having({ "security.capability": CAPABILITY }) }),
      empty: file("x", having({ "user.nothing": Buffer.alloc(0) })),
      binary: file("x", having({ "user.b": Buffer.from([0, 255, 128, 10, 0, 61, 10]) })),
      "newline at the end": file("x", having({ "user.n": Buffer.from("line\n") })),
      large: file("x", having({ "user.large": Buffer.alloc(3000, 0xa5) })),
      many: file(
        "x",
        having(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`user.n${i}`, Buffer.from(`${i}`)]))),
      ),
      all: file(
        "x",
        having({ "security.capability": CAPABILITY, "user.u": Buffer.from("u"), "trusted.t": CAPABILITY }),
      ),
      same: dir({}, having({ "user.u": Buffer.from("u"), "trusted.t": CAPABILITY })),
      "odd names": file(
        "x",
        having(
          Object.fromEntries(
            ["ö", "ä".repeat(100)]
              .map((text) => Buffer.from(text).toString("latin1"))
              .concat("\xff\xfe", "a=b", "=", "%", "%3D", "%25", "100%", "a\nb", "a\\b", "\x01\x7f", " ")
              .map((name, i) => [`user.${name}`, Buffer.from(`${i}`)]),
          ),
        ),
      ),
      link: symlink("cap", having({ "trusted.on.link": Buffer.alloc(200, 3) })),
      node: device("char", 3, 4, having({ "trusted.on.device": Buffer.alloc(30, 4) })),
      fifo: pipe("fifo", having({ "trusted.on.fifo": Buffer.from([0]) })),
    },
    having({ "user.root": Buffer.from("root"), "trusted.root": Buffer.from([0, 1]) }),
  );
}

function devices(): DirInode {
  const numbers = [0, 1, 255, 256, 4095].flatMap((major) =>
    [0, 1, 255, 256, 65_535, 262_144, 1_048_575].map((minor) => [major, minor]),
  );
  // 0:0 is the whiteout of overlayfs: an image has no business with it.
  const nodes = numbers.filter(([major]) => major !== 0) as [number, number][];
  return dir(
    nodes.flatMap(([major, minor]): [string, Inode][] => [
      [`c${major}:${minor}`, device("char", major, minor, { mode: 0o600, uid: 5 })],
      [`b${major}:${minor}`, device("block", major, minor, { gid: 6 })],
    ]),
  );
}

function times(): DirInode {
  const all = [
    { sec: -(2 ** 31), nsec: 0 },
    { sec: -2, nsec: 500_000_000 },
    { sec: -1, nsec: 999_999_999 },
    { sec: 0, nsec: 0 },
    { sec: 0, nsec: 1 },
    { sec: 2 ** 31 - 1, nsec: 123_456_789 },
    { sec: 2 ** 31, nsec: 0 },
    { sec: 2 ** 32 - 1, nsec: 1 },
    { sec: 2 ** 32 + 5, nsec: 7 },
    { sec: 2 ** 33 + 12, nsec: 0 },
  ];
  return dir(
    all.flatMap((mtime, i): [string, Inode][] => [
      [`file${i}`, file("x", { mtime })],
      [`dir${i}`, dir({ inside: file("x", { mtime }) }, { mtime })],
      [`link${i}`, symlink("file0", { mtime })],
    ]),
    { mtime: { sec: 77, nsec: 0 } },
  );
}

/** Files whose name starts with "sparse" are nearly all hole. */
function largeFiles(folder: string): DirInode {
  const layer = join(folder, "layer");
  writeFileSync(layer, Buffer.from(Array.from({ length: 6 * MIB }, (_, i) => (i * 7 + (i >> 12)) & 0xff)));
  const part = (size: number, segments?: readonly { at: number; length: number }[]): Inode =>
    stored({ file: layer, offset: 100, size, ...(segments && { segments }) });
  return dir({
    dense: part(5 * MIB + 1),
    block: part(128 * 1024),
    "block and a byte": part(128 * 1024 + 1),
    "sparse, all hole": part(5 * MIB, []),
    "sparse, some data": part(48 * MIB, [
      { at: 4096, length: 10 },
      { at: 20 * MIB + 3, length: 5000 },
      { at: 48 * MIB - 1, length: 1 },
    ]),
    "many holes": part(
      8 * MIB,
      Array.from({ length: 500 }, (_, i) => ({ at: i * 16_384, length: 4096 })),
    ),
    unaligned: part(100_001, [
      { at: 5000, length: 10 },
      { at: 99_990, length: 11 },
    ]),
    zeros: file(Buffer.alloc(400_000)),
  });
}

function manyNames(): DirInode {
  const names = Array.from({ length: 10_000 }, (_, i): [string, Inode] => [
    `entry number ${i}`,
    file(i % 100 === 0 ? `content ${i}` : "", { uid: i % 700, gid: i % 300 }),
  ]);
  return dir({
    folder: dir(names),
    folders: dir(names.slice(0, 3000).map(([name]): [string, Inode] => [name, dir()])),
  });
}
