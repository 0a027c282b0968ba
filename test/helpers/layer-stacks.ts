import { base256, extension, type Member } from "./tar-writer.ts";

export const dir = (name: string, more: Partial<Member> = {}): Member => ({ name, type: "5", mtime: 1000, ...more });
export const file = (name: string, data = name, more: Partial<Member> = {}): Member => ({
  name,
  data,
  mtime: 2000,
  ...more,
});
export const link = (name: string, linkname: string): Member => ({ name, type: "1", linkname });
export const symlink = (name: string, linkname: string): Member => ({
  name,
  type: "2",
  linkname,
  mtime: 3000,
  mode: 0o777,
});
export const hide = (name: string): Member => ({ name, mtime: 1 });
const raw = (...bytes: (string | number)[]): Buffer =>
  Buffer.concat(bytes.map((one) => (typeof one === "string" ? Buffer.from(one) : Buffer.from([one]))));

const capability = Buffer.from("0100000280c0000000000000ff00000000000000", "hex");
const sparsePax = (text: string, size: number) =>
  [
    ["GNU.sparse.numblocks", "2"],
    ["GNU.sparse.map", text],
    ["GNU.sparse.name", "sparse"],
    ["GNU.sparse.size", String(size)],
  ] as const;

export type Case = readonly [name: string, layers: readonly (readonly (Member | Buffer)[])[]];

/** Stacks that every tool reads alike; the number is that of the rule they are about. */
export const STACKS: readonly Case[] = [
  [
    "1 owners come from the headers, 32 bits wide",
    [
      [
        file("plain", "x", { uid: 1000, gid: 2000 }),
        file("base256", "x", { uid: base256(3_000_000_000, 8), gid: base256(4_000_000_000, 8), format: "gnu" }),
        file("pax", "x", {
          pax: [
            ["uid", "3000000001"],
            ["gid", "4000000001"],
          ],
        }),
      ],
    ],
  ],
  [
    "1 PAX overrides the octal fields",
    [
      [
        file("short", "12345", {
          size: 0,
          pax: [
            ["size", "5"],
            ["path", "long/er"],
            ["mtime", "1700000000.123456789"],
          ],
        }),
        { name: "l", type: "2", linkname: "x", pax: [["linkpath", "elsewhere"]] },
      ],
    ],
  ],
  [
    "1 negative times",
    [
      [
        file("octal", "x", { mtime: base256(-100, 12), format: "gnu" }),
        file("pax", "x", { pax: [["mtime", "-1.5"]] }),
        file("future", "x", { pax: [["mtime", "4294967296.000000001"]] }),
      ],
    ],
  ],
  [
    "2 modes keep setuid, setgid and sticky",
    [
      [
        dir("tmp/", { mode: 0o1777 }),
        dir("mail/", { mode: 0o2775, gid: 8 }),
        file("su", "x", { mode: 0o4755 }),
        file("all", "x", { mode: 0o7777, uid: 5 }),
        file("none", "x", { mode: 0 }),
      ],
    ],
  ],
  [
    "3 xattr values are bytes",
    [
      [
        file("cap", "x", { pax: [["SCHILY.xattr.security.capability", capability]] }),
        dir("d/", { pax: [["SCHILY.xattr.user.bytes", raw(0, 1, 0xff, 10, 0x3d)]] }),
        file("many", "x", {
          pax: [
            ["SCHILY.xattr.user.z", "1"],
            ["SCHILY.xattr.user.a", "2"],
            ["SCHILY.xattr.trusted.t", "3"],
          ],
        }),
      ],
    ],
  ],
  [
    "4 a SELinux label is not the image's",
    [
      [
        file("f", "x", {
          pax: [
            ["SCHILY.xattr.security.selinux", "label\0"],
            ["SCHILY.xattr.user.kept", "1"],
          ],
        }),
      ],
    ],
  ],
  [
    "4 an ACL in the encoding of the system calls",
    [
      [
        file("acl", "x", {
          mode: 0o660,
          pax: [
            [
              "SCHILY.xattr.system.posix_acl_access",
              Buffer.from(
                "0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000000ffffffff",
                "hex",
              ),
            ],
          ],
        }),
      ],
    ],
  ],
  ["4 xattrs that Linux has no place for", [[file("f", "x", { pax: [["SCHILY.xattr.com.apple.provenance", "x"]] })]]],
  [
    "5 a directory's time is its own",
    [
      [dir("d/", { mtime: 5000, pax: [["mtime", "5000.5"]] }), file("d/a"), file("d/b")],
      [file("d/c")],
      [hide("d/.wh.a")],
    ],
  ],
  [
    "6 a whiteout hides a file, a folder, a symlink, a device",
    [
      [
        file("f"),
        dir("d/"),
        file("d/x"),
        symlink("l", "d"),
        { name: "dev", type: "3", major: 1, minor: 3 },
        file("kept"),
      ],
      [hide(".wh.f"), hide(".wh.d"), hide(".wh.l"), hide(".wh.dev")],
    ],
  ],
  [
    "6 a whiteout before or behind what its own layer puts there",
    [
      [dir("d/"), file("d/low"), dir("e/"), file("e/low"), file("a", "low"), file("b", "low")],
      [
        hide(".wh.a"),
        file("a", "up"),
        file("b", "up"),
        hide(".wh.b"),
        hide(".wh.d"),
        dir("d/", { mode: 0o700 }),
        file("d/up"),
      ],
    ],
  ],
  [
    "6 an opaque directory, its marker first or last",
    [
      [
        dir("a/"),
        file("a/low"),
        dir("a/sub/"),
        file("a/sub/low"),
        dir("b/"),
        file("b/low"),
        dir("b/sub/"),
        file("b/sub/low"),
      ],
      [dir("a/"), hide("a/.wh..wh..opq"), file("a/up"), dir("b/"), file("b/up"), hide("b/.wh..wh..opq")],
    ],
  ],
  [
    "6 an opaque marker without an entry for its directory",
    [[dir("a/", { mode: 0o750 }), file("a/low"), dir("a/sub/")], [hide("a/.wh..wh..opq")]],
  ],
  [
    "6 an opaque root",
    [
      [file("a"), dir("b/"), file("b/c")],
      [hide(".wh..wh..opq"), file("new")],
    ],
  ],
  ["6 a whiteout of nothing, in a folder that is not there too", [[file("a")], [hide(".wh.b"), hide("a/.wh.c")]]],
  ["6 a whiteout hides one name of two", [[file("a"), link("b", "a")], [hide(".wh.a")]]],
  ["6 a hidden file comes back in a third layer", [[file("a", "1")], [hide(".wh.a")], [file("a", "3")]]],
  [
    "6 a whiteout through a symlink",
    [[dir("usr/"), dir("usr/lib/"), file("usr/lib/x"), symlink("lib", "usr/lib")], [hide("lib/.wh.x")]],
  ],
  [
    "6 a whiteout of any type",
    [
      [file("a"), file("b")],
      [dir(".wh.a/"), symlink(".wh.b", "x")],
    ],
  ],
  [
    "7 a directory listed again merges",
    [
      [dir("d/", { mode: 0o700, uid: 1, pax: [["SCHILY.xattr.user.old", "1"]] }), file("d/a")],
      [dir("d/", { mode: 0o755, uid: 2, mtime: 9, pax: [["SCHILY.xattr.user.new", "1"]] }), file("d/b")],
    ],
  ],
  [
    "7 any other change of type replaces",
    [
      [dir("a/"), file("a/x"), file("b"), symlink("c", "a"), file("e"), { name: "g", type: "6" }, symlink("h", "gone")],
      [
        file("a"),
        dir("b/"),
        file("b/y"),
        file("c"),
        symlink("e", "b"),
        file("g"),
        { name: "h", type: "3", major: 1, minor: 5 },
      ],
    ],
  ],
  [
    "7 a directory over a symlink to a directory replaces the symlink",
    [
      [dir("usr/"), dir("usr/lib/"), file("usr/lib/low"), symlink("lib", "usr/lib")],
      [dir("lib/", { mode: 0o711 }), file("lib/up")],
    ],
  ],
  [
    "7 a file goes through a symlinked parent",
    [
      [dir("usr/"), dir("usr/bin/"), symlink("bin", "usr/bin"), symlink("abs", "/usr"), symlink("up", "../../../usr")],
      [file("bin/a"), file("abs/bin/b"), file("up/bin/c"), dir("bin/d/"), file("bin/d/e")],
    ],
  ],
  ["7 a file through a symlink to nothing makes the folder it names", [[symlink("a", "b/c")], [file("a/f")]]],
  [
    "7 a file over a symlink replaces the symlink, not its target",
    [[file("t"), symlink("l", "t")], [file("l", "new")]],
  ],
  ["8 hard links in a layer", [[file("a"), link("b", "a"), link("./c", "/b"), dir("d/"), link("d/e", "d/../a")]]],
  ["8 a hard link to a lower layer", [[dir("d/"), file("d/a", "x", { uid: 5, mode: 0o600 })], [link("b", "d/a")]]],
  [
    "8 a hard link through symlinked parents",
    [
      [dir("usr/"), dir("usr/bin/"), file("usr/bin/a"), symlink("bin", "usr/bin")],
      [link("b", "bin/a"), link("bin/c", "bin/a")],
    ],
  ],
  ["8 a hard link to a symlink", [[symlink("l", "nowhere"), link("m", "l")]]],
  ["8 a hard link to a device", [[{ name: "null", type: "3", major: 1, minor: 3, mode: 0o666 }, link("zero", "null")]]],
  ["8 one name of two replaced later", [[file("a", "old"), link("b", "a")], [file("a", "new")]]],
  ["8 a name given away and taken again", [[file("a", "old"), link("b", "a"), file("c", "other")], [link("b", "c")]]],
  [
    "9 odd paths",
    [
      [
        file("./dot"),
        file("//slashes//here"),
        file("/absolute"),
        file("a/../b"),
        file("../../above"),
        file("x/./y"),
        dir("./"),
        dir("t//"),
      ],
    ],
  ],
  ["9 missing parents", [[file("a/b/c/d")]]],
  [
    "9 duplicate entries: the last wins",
    [
      [
        file("a", "1"),
        file("a", "2", { mode: 0o600 }),
        dir("d/"),
        file("d/x"),
        dir("d/", { mode: 0o700 }),
        file("e"),
        dir("e/"),
      ],
    ],
  ],
  [
    "9 an entry for the root",
    [[dir("./", { mode: 0o700, uid: 3, gid: 4, mtime: 77 }), file("a")], [dir("/", { mode: 0o711, mtime: 78 })]],
  ],
  [
    "10 symlink targets are data",
    [
      [
        symlink("abs", "/etc/passwd"),
        symlink("out", "../../../../etc/passwd"),
        symlink("self", "self"),
        symlink("odd", "a//./b/"),
        { name: "bytes", type: "2", linkname: raw("x", 0xff) },
      ],
    ],
  ],
  ["10 a long symlink target", [[{ name: "l", type: "2", linkname: "", pax: [["linkpath", "t/".repeat(1000)]] }]]],
  [
    "11 devices and FIFOs",
    [
      [
        { name: "console", type: "3", major: 5, minor: 1, mode: 0o600 },
        { name: "sda", type: "4", major: 8, minor: 0, mode: 0o660, gid: 6 },
        { name: "big", type: "4", major: 259, minor: 0o3000000, mode: 0o660 },
        { name: "pipe", type: "6", mode: 0o622 },
      ],
    ],
  ],
  [
    "12 long names",
    [
      [
        file("ustar", "x", { prefix: "p/".repeat(70) }),
        extension("L", Buffer.from(`${"g/".repeat(120)}n\0`)),
        extension("K", Buffer.from(`${"t".repeat(300)}\0`)),
        symlink("cut", "cut"),
        file("cut", "x", { pax: [["path", `${"p/".repeat(300)}n`]] }),
      ],
    ],
  ],
  [
    "12 names that are not UTF-8",
    [
      [
        { name: raw("latin1-", 0xe9), data: "x" },
        { name: raw(0xff, 0xfe), type: "5" },
        { name: raw(0xff, 0xfe, "/", 0x80), data: "y" },
        file("caf\u00e9"),
        file("new\nline"),
        file("back\\slash"),
      ],
    ],
  ],
  ["12 sparse files", [[file("GNUSparseFile/sparse", "abc", { pax: sparsePax("100000,3,200000,0", 200_000) })]]],
  ["13 names that differ in case", [[file("File", "1"), file("file", "2"), file("FILE", "3")], [hide(".wh.File")]]],
  [
    "a hard link that has its size again but no data, and one with data",
    [[file("a", "0123456789"), { ...link("b", "a"), size: 10 }, file("c", "behind")]],
  ],
  ["an empty layer", [[file("a")], []]],
];
