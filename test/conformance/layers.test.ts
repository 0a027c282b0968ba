import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stacks } from "../helpers/layer-model.ts";
import { type Case, dir, file, hide, link, STACKS, symlink } from "../helpers/layer-stacks.ts";
import { archiveOf, merge } from "../helpers/layers.ts";
import { type Listed, type Listing, listedContent, listFolder, listTree } from "../helpers/listing.ts";
import { writeLayout } from "../helpers/oci-layout.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { extension, paxBody, tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

// umoci is the second opinion on what a stack of layers means. Cases where fledge means to differ stand at the end, with
// what is expected instead and why.

const shape = (layers: Case[1]): Buffer[] => layers.map((members) => tar(...members));

describeWith("the same tree as umoci unpack", [requireTools("umoci", "getfattr"), requireRoot()], () => {
  test.each(STACKS)("%s", async (_, layers) => {
    const archives = shape(layers);
    const ours = listTree((await merge(archives)).root);
    expect(unstamped(ours)).toEqual(unstamped(umoci(archives), ours));
  });

  test("random stacks, as far as umoci can unpack them", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(stacks({ whiteoutsFirst: true }), async (stack) => {
        const archives = stack.map(archiveOf);
        const theirs = attempt(() => umoci(archives));
        fc.pre(theirs !== undefined);
        compared++;
        const ours = listTree((await merge(archives)).root);
        // umoci stamps a directory when it makes another in it that no layer lists; the corpus compares the times.
        for (const listed of [...Object.values(ours), ...Object.values(theirs)]) {
          if (listed.type === "dir") listed.mtime = "any";
        }
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 60, maxSkipsPerRun: 1000 },
    );
    expect(compared).toBe(60);
  });
});

type Expected = Record<string, Partial<Listed> | undefined>;

/** What fledge makes of a stack; `undefined` is a path that must not be there. */
const OURS: readonly (readonly [...Case, Expected])[] = [
  // umoci deletes one by one what is below a directory that this layer lists, and forgets to put the directory's time back.
  [
    "6 a whiteout behind what its layer puts there leaves the directory's time",
    [
      [dir("e/"), file("e/low"), dir("b/"), file("b/low"), dir("b/sub/"), file("b/sub/low")],
      [dir("e/", { mode: 0o700 }), file("e/up"), hide(".wh.e"), dir("b/sub/"), file("b/up"), hide("b/.wh..wh..opq")],
    ],
    {
      "/e": { mode: "700", mtime: "1000000000000ns" },
      "/e/up": {},
      "/e/low": undefined,
      "/b/up": {},
      "/b/low": undefined,
      "/b/sub": { mtime: "1000000000000ns" },
      "/b/sub/low": undefined,
    },
  ],
  // umoci takes entries in order and keeps the lower directory when something came into it before its whiteout.
  [
    "6 a hidden directory that its layer implies is a new one, wherever the whiteout stands",
    [
      [dir("d/", { mode: 0o700 }), file("d/x"), dir("usr/"), symlink("l", "usr")],
      [file("d/y"), hide(".wh.d"), file("l/y"), hide(".wh.l")],
    ],
    { "/d": { mode: "755" }, "/d/x": undefined, "/d/y": {}, "/l": { type: "dir" }, "/l/y": {}, "/usr/y": undefined },
  ],
  // umoci follows the lower symlink when the whiteout comes before the directory that replaces it.
  [
    "6 a whiteout in a directory that replaces a symlink says nothing of where the symlink led",
    [
      [dir("usr/"), file("usr/x"), symlink("l", "usr")],
      [hide("l/.wh.x"), dir("l/")],
    ],
    { "/usr/x": {}, "/l": { type: "dir" }, "/l/x": undefined },
  ],
  // umoci knows no links of AUFS; containerd and Docker resolve them.
  [
    "8 hard links to what AUFS keeps under a name of its own",
    [
      [
        link("early", ".wh..wh.plnk/12.345"),
        file(".wh..wh.aufs"),
        dir(".wh..wh.plnk/"),
        file(".wh..wh.plnk/12.345", "shared", { mode: 0o640, uid: 7 }),
        file(".wh..wh.plnk/99.1", "nobody's"),
        dir("etc/"),
        link("etc/a", "/.wh..wh.plnk/12.345"),
        link("etc/b", "./.wh..wh.plnk/12.345"),
      ],
    ],
    {
      "/.wh..wh.plnk": undefined,
      "/etc/a": { content: listedContent("shared"), mode: "640", links: ["/early", "/etc/a", "/etc/b"] },
    },
  ],
  // umoci knows ".wh..wh..opq" only and unpacks the rest.
  [
    "6 what AUFS left behind is ignored",
    [
      [
        file(".wh..wh.aufs"),
        dir(".wh..wh.plnk/"),
        file(".wh..wh.plnk/1.2"),
        dir("d/"),
        file("d/.wh..wh.orph"),
        dir(".wh.x/"),
        file(".wh.x/f"),
      ],
    ],
    {
      "/.wh..wh.aufs": undefined,
      "/.wh..wh.plnk": undefined,
      "/.wh..wh.plnk/1.2": undefined,
      "/d": {},
      "/d/.wh..wh.orph": undefined,
      "/.wh.x": undefined,
      "/.wh.x/f": undefined,
    },
  ],
  // umoci fails: "not a directory".
  [
    "7 a file in what was a file makes that a directory",
    [
      [file("f"), dir("d/"), file("d/f")],
      [file("f/x"), file("d/f/deep/x")],
    ],
    { "/f": { type: "dir", mode: "755" }, "/f/x": {}, "/d/f/deep": { type: "dir" }, "/d/f/deep/x": {} },
  ],
  // umoci removes the name first and then misses the target.
  [
    "8 a hard link to itself, and one over the directory that holds its target",
    [
      [file("f"), dir("d/"), file("d/x")],
      [link("f", "f"), link("d", "d/x")],
    ],
    { "/f": { type: "file" }, "/d": { type: "file", content: listedContent("d/x") }, "/d/x": undefined },
  ],
  // Go's tar reader takes it that no link has data.
  [
    "8 a hard link that brings its data in a PAX archive",
    [[file("a", "0123"), { ...link("b", "a"), data: "0123", pax: [["mtime", "1"]] }, file("c")]],
    { "/a": { links: ["/a", "/b"] }, "/b": {}, "/c": {} },
  ],
  // Go's tar reader drops empty records and does not know libarchive's; umoci keeps what other builders left in user.
  [
    "4 xattrs: empty values, libarchive's notation, foreign names",
    [
      [
        file("f", "x", {
          pax: [
            ["SCHILY.xattr.user.empty", ""],
            ["LIBARCHIVE.xattr.user.a", "QUJD"],
            ["SCHILY.xattr.user.overlay.opaque", "y"],
            ["SCHILY.xattr.trusted.overlay.opaque", "y"],
            ["SCHILY.xattr.user.rootlesscontainers", "y"],
          ],
        }),
      ],
    ],
    { "/f": { xattrs: { "user.a": "414243", "user.empty": "" } } },
  ],
  // umoci: "unknown typeflag"; containerd and Docker pass global headers by.
  [
    "12 global PAX headers, contiguous files, types that nobody knows",
    [
      [
        extension("g", paxBody([["mtime", "12345"]])),
        file("global"),
        file("own", "x", { pax: [["mtime", "54321"]], type: "7" }),
        file("odd", "x", { type: "s" }),
      ],
    ],
    { "/global": { mtime: "2000000000000ns" }, "/own": { mtime: "54321000000000ns" }, "/odd": undefined },
  ],
  // umoci: "unknown typeflag".
  [
    "12 an old GNU sparse file",
    [
      [
        {
          name: "s",
          type: "S",
          format: "gnu",
          data: "abc",
          patch: (block) => {
            block.write("00000000003 00000000003 00000000024 00000000000 ", 386);
            block.write("00000000024 ", 483);
          },
        },
      ],
    ],
    { "/s": { content: listedContent("\0\0\0abc".padEnd(20, "\0")) } },
  ],
];

describe("differently from umoci, on purpose", () => {
  test.each(OURS)("%s", async (_, layers, expected) => {
    const listing = listTree((await merge(shape(layers))).root);
    for (const [path, listed] of Object.entries(expected)) {
      if (listed === undefined) expect(listing).not.toHaveProperty([path]);
      else expect(listing[path], path).toMatchObject(listed);
    }
  });
});

const ERRORS: readonly (readonly [...Case, message: string])[] = [
  [
    "a hard link to nothing",
    [[file("x")], [link("d/f", "g/h")]],
    "layer2: d/f is a hard link to g/h, which is not there",
  ],
  ["a hard link to a later entry", [[link("b", "a"), file("a")]], "b is a hard link to a, which is not there"],
  [
    "a hard link to what its layer hides",
    [[file("a")], [hide(".wh.a"), link("b", "a")]],
    "b is a hard link to a, which is not there",
  ],
  ["a hard link through a file", [[file("a"), link("b", "a/c")]], "b is a hard link to a/c, which is not there"],
  ["a hard link to a directory", [[dir("g"), link("f", "g")]], "f is a hard link to g, which is a directory"],
  ["a symlink without a target", [[symlink("l", "")]], "l is a symbolic link to nothing"],
  ["a root that is no directory", [[file(".", "x")]], ". would make the root a file"],
  ["a whiteout of no name", [[dir("d"), file("d/x")], [hide("d/.wh.")]], "d/.wh. is a whiteout that names nothing"],
  ["a whiteout of ..", [[dir("d")], [hide("d/.wh...")]], "d/.wh... is a whiteout that names nothing"],
  [
    "a loop of symlinks",
    [[symlink("a", "b"), symlink("b", "a")], [file("a/x")]],
    "layer2: a/x cannot be placed: a/x: more than 40",
  ],
  [
    "a path through a symlink to a file",
    [[file("f"), symlink("a", "f")], [file("a/x")]],
    '"f" on the way is not a directory',
  ],
];

describe("errors name the layer and the entry", () => {
  test.each(ERRORS)("%s", async (_, layers, message) => {
    await expect(merge(shape(layers))).rejects.toThrow(
      expect.objectContaining({ code: "source", message: expect.stringContaining(message) }),
    );
  });
});

/**
 * Without the times of directories that no layer lists: umoci leaves them at the moment of unpacking, fledge at 0. The
 * corpus lists none with time 0.
 */
function unstamped(listing: Listing, ours: Listing = listing): Listing {
  const entries = Object.entries(listing).map(([path, listed]) =>
    ours[path]?.type === "dir" && ours[path].mtime === "0ns" ? [path, { ...listed, mtime: "any" }] : [path, listed],
  );
  return Object.fromEntries(entries);
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

function umoci(archives: readonly Buffer[]): Listing {
  const folder = tempDir();
  writeLayout(join(folder, "layout"), archives);
  const bundle = join(folder, "bundle");
  const result = spawnSync("umoci", ["unpack", "--image", `${join(folder, "layout")}:t`, bundle], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`umoci: ${result.stderr}`);
  return listFolder(join(bundle, "rootfs"));
}
