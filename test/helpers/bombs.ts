import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { END, extension, member, paxBody, tar } from "./tar-writer.ts";

/** A small hostile layer: what makes `bytes` of it, unpacked, and how reading it must end (a part of the message). */
export type Bomb = {
  readonly name: string;
  readonly make: (bytes: number) => Buffer;
  readonly ends?: string;
  readonly limits?: Readonly<Record<string, number>>;
};

type PaxPair = readonly [key: string, value: string];

/** As many of what `piece` makes as fit. */
function repeat(bytes: number, piece: (i: number) => Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let size = 0, i = 0; size < bytes; i++) {
    const next = piece(i);
    pieces.push(next);
    size += next.length;
  }
  return pieces;
}

const archive = (pieces: readonly Buffer[]): Buffer => Buffer.concat([...pieces, END]);
const floods =
  (piece: (i: number) => Buffer) =>
  (bytes: number): Buffer =>
    archive(repeat(bytes, piece));
const header = (records: readonly PaxPair[]): Buffer => extension("x", paxBody(records));
const file = (name: string): Buffer => member({ name });

/** One PAX header as large as is read, filled with what `record` makes. */
function fullHeader(bytes: number, record: (i: number) => PaxPair): Buffer {
  const body = repeat(Math.min(bytes, 0.9 * 2 ** 20), (i) => paxBody([record(i)]));
  return extension("x", Buffer.concat(body));
}

const often = (bytes: number, one: Buffer): Buffer[] =>
  Array<Buffer>(Math.max(1, Math.floor(bytes / one.length))).fill(one);
const many =
  (record: (i: number) => PaxPair) =>
  (bytes: number): Buffer =>
    archive(often(bytes, Buffer.concat([fullHeader(bytes, record), file("f")])));

const sparse1 = (map: string): Buffer =>
  member({
    name: "s",
    data: Buffer.concat([Buffer.from(map), Buffer.alloc((512 - (map.length % 512)) % 512)]),
    pax: [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.realsize", "9999999999"],
    ],
  });

const block = (fill: (block: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(512);
  fill(bytes);
  return bytes;
};

/** Files of small size with a PAX header each: what an ordinary layer is made of. */
export const harmless = floods((i) =>
  member({ name: `usr/share/d${i % 100}/f${i}`, data: "data", pax: [["mtime", `17000000${i % 100}.5`]] }),
);

export const BOMBS: readonly Bomb[] = [
  {
    name: "PAX headers before one entry",
    make: (bytes) => archive([...repeat(bytes, (i) => header([["path", `p${i}`]])), file("f")]),
  },
  {
    name: "empty PAX headers before one entry",
    make: (bytes) => archive([...repeat(bytes, () => extension("x", Buffer.alloc(0))), file("f")]),
  },
  {
    name: "long names before one entry",
    make: (bytes) => archive([...repeat(bytes, (i) => extension("L", Buffer.from(`n${i}`))), file("f")]),
  },
  { name: "PAX records that nobody knows", make: many(() => ["a", ""]) },
  { name: "one PAX record again and again", make: many((i) => ["uid", String(i % 10)]) },
  {
    name: "xattrs of one entry",
    make: many((i) => [`SCHILY.xattr.user.${i}`, "v"]),
    limits: { maxXattrBytes: 2 ** 20 },
    ends: "maxXattrBytes",
  },
  {
    name: "xattrs of every entry",
    make: floods((i) => member({ name: `f${i}`, pax: [["SCHILY.xattr.user.a", "v".repeat(400)]] })),
  },
  {
    name: "a global xattr over many entries",
    make: (bytes) =>
      archive([
        extension("g", paxBody([["SCHILY.xattr.user.a", "v".repeat(60_000)]])),
        ...repeat(bytes, (i) => file(`f${i}`)),
      ]),
  },
  { name: "global headers", make: floods((i) => extension("g", paxBody([["uid", String(i)]]))) },
  {
    name: "a sparse map of version 1.0",
    make: (bytes) => archive([sparse1(`${Math.floor(bytes / 40)}\n${"1\n1\n".repeat(bytes / 4)}`)]),
    ends: "sparse data",
  },
  {
    name: "a sparse map of version 1.0 in one line",
    make: (bytes) => archive([sparse1("0".repeat(bytes))]),
    ends: "sparse data",
  },
  {
    name: "sparse maps of version 0.1",
    make: many((i) => ["GNU.sparse.map", `${"1,1,".repeat(20_000)}${i}`]),
    ends: "sparse",
  },
  {
    name: "sparse maps of version 0.0",
    make: many((i) => [i % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes", "1"]),
  },
  {
    name: "a sparse map of the old GNU format",
    make: (bytes) => {
      const head = member({ name: "s", type: "S", format: "gnu", patch: (one) => void one.write("1", 482) });
      const run = block((one) => {
        for (let at = 0; at < 42; at++) one.write("00000000001 ", at * 12);
        one[504] = 1;
      });
      return Buffer.concat([head, ...often(bytes, run)]);
    },
    ends: "the archive ends",
  },
  { name: "entries of unknown types", make: floods((i) => member({ name: `f${i}`, type: "Z" })) },
  {
    name: "labels of volumes",
    make: floods(() => member({ name: "V", type: "V" })),
    limits: { maxEntries: 1000 },
    ends: "maxEntries",
  },
  {
    name: "deep paths",
    make: floods((i) => member({ name: "x", pax: [["path", `${i}/${"a/".repeat(2000)}f`]] })),
    limits: { maxEntries: 200_000 },
    ends: "maxEntries",
  },
  {
    name: "folders that links lead ever deeper into",
    make: (bytes) => {
      const deep = `${"d/".repeat(2000)}`;
      const links = Array.from({ length: 38 }, (_, i) =>
        member({ name: `s${i}`, type: "2", pax: [["linkpath", `${i === 0 ? "" : `s${i - 1}/`}${deep}`]] }),
      );
      const folders = links.map((_, i) => member({ name: "x", type: "5", pax: [["path", `s${i}/${deep}`]] }));
      return archive([...links, ...folders, ...repeat(bytes / 2, (i) => file(`s30/f${i}`))]);
    },
    ends: "maxResolvedPathBytes",
  },
  {
    name: "files at the end of long paths",
    make: (bytes) => {
      const folder = `${"d/".repeat(2000)}`;
      const link = member({ name: "s", type: "2", pax: [["linkpath", folder]] });
      return archive([
        member({ name: "x", type: "5", pax: [["path", folder]] }),
        link,
        ...repeat(bytes, (i) => file(`s/f${i}`)),
      ]);
    },
  },
  {
    name: "symlinks that lead round and round",
    make: (bytes) => {
      const round = "d/../".repeat(800);
      const links = Array.from({ length: 35 }, (_, i) =>
        member({ name: `s${i}`, type: "2", pax: [["linkpath", `${round}s${i + 1}`]] }),
      );
      const entries = repeat(bytes, (i) => file(`s0/${i % 2 === 0 ? "" : "x/"}f${i}`));
      return archive([member({ name: "d/", type: "5" }), ...links, member({ name: "s35/", type: "5" }), ...entries]);
    },
    ends: "maxLinkSteps",
  },
  { name: "one name again and again", make: floods(() => file("f")) },
  {
    name: "hard links",
    make: (bytes) => archive([file("f"), ...repeat(bytes, (i) => member({ name: `l${i}`, type: "1", linkname: "f" }))]),
  },
  { name: "whiteouts", make: floods((i) => file(`d${i}/.wh.x`)) },
  { name: "opaque markers", make: floods(() => file("d/.wh..wh..opq")) },
  {
    name: "ACLs in text",
    make: floods((i) =>
      member({
        name: `f${i}`,
        pax: [["SCHILY.acl.access", `user::rw-,${`user:${i}:r--,`.repeat(100)}group::r--,mask::r--,other::---`]],
      }),
    ),
  },
  { name: "owners that are none", make: floods((i) => member({ name: `f${i}`, pax: [["uid", "4294967295"]] })) },
];

/** Those whose packing is what does the harm; `make` gives the packed bytes. */
export const PACKED: readonly Bomb[] = [
  {
    name: "zeros in gzip",
    make: (bytes) => gzipSync(tar({ name: "zeros", data: Buffer.alloc(bytes) })),
    limits: { maxUnpackedBytes: 2 ** 20 },
    ends: "maxUnpackedBytes",
  },
  {
    name: "empty members of gzip",
    make: (bytes) =>
      Buffer.concat([...Array<Buffer>(Math.floor(bytes / 400)).fill(gzipSync("")), gzipSync(tar({ name: "f" }))]),
  },
  {
    name: "a zstd window of 2 GiB",
    make: () => packed("zstd", "-q", "--long=31"),
    ends: "needs 2.0 GiB of memory to be unpacked, the limit maxWindowBytes",
  },
  {
    name: "an xz dictionary of 1 GiB",
    make: () => packed("xz", "--lzma2=preset=0,dict=1GiB"),
    ends: "the limit maxWindowBytes",
  },
];

function packed(tool: string, ...args: string[]): Buffer {
  return spawnSync(tool, ["-c", ...args], { input: tar({ name: "f", data: "x" }) }).stdout;
}
