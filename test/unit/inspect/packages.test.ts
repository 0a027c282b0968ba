import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packagesIn } from "../../../src/inspect/packages.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";
import { type RpmFields, rpmDatabase, rpmHeader } from "../../helpers/rpmdb.ts";

const RPMS: readonly RpmFields[] = [
  { name: "bash", version: "5.2", release: "1.fc40", arch: "x86_64" },
  { name: "gpg-pubkey", version: "a15b79cc", release: "63d04c2c" },
  { name: "openssl", version: "3.0", release: "9", epoch: 1, arch: "aarch64", descriptionBytes: 3000 },
];
const READ = ["rpm bash 5.2-1.fc40 x86_64", "rpm gpg-pubkey a15b79cc-63d04c2c ", "rpm openssl 1:3.0-9 aarch64"];
const FOLDER = "/usr/lib/sysimage/rpm";
const PLACE = `${FOLDER}/rpmdb.sqlite`;

const databaseOf = (rpms: readonly RpmFields[]): Buffer => rpmDatabase(rpms.map(rpmHeader));

function found(files: Readonly<Record<string, Uint8Array | string>>, link?: readonly [string, string]) {
  const tree = new RootfsTree();
  for (const [path, bytes] of Object.entries(files)) tree.writeFile(path, bytes);
  if (link !== undefined) tree.symlink(...link);
  const { packages, warnings } = packagesIn(tree.root);
  return {
    packages: packages.map((one) => `${one.manager} ${one.name} ${one.version} ${one.architecture}`),
    warnings: warnings.map(({ message }) => message),
  };
}

describe("packages of rpm", () => {
  test("with their epochs, and once where one folder is a link to the other", () => {
    const link = ["../../usr/lib/sysimage/rpm", "/var/lib/rpm"] as const;
    expect(found({ [PLACE]: databaseOf(RPMS) }, link)).toEqual({ packages: READ, warnings: [] });
    expect(found({ "/var/lib/rpm/rpmdb.sqlite": databaseOf(RPMS) }).packages).toEqual(READ);
  });

  test("of every length: in one page, and in a chain of pages to the byte", () => {
    const lengths = Array.from({ length: 700 }, (_, i) => i * 2);
    for (const descriptionBytes of lengths) {
      const rpm = { name: "one", version: "1", release: "2", arch: "noarch", descriptionBytes };
      expect(found({ [PLACE]: databaseOf([rpm]) }), String(descriptionBytes)).toEqual({
        packages: ["rpm one 1-2 noarch"],
        warnings: [],
      });
    }
  });

  test("of what is not read it is said that it is there", () => {
    expect(found({ "/var/lib/rpm/Packages": "\0", "/usr/lib/sysimage/rpm/Packages.db": "RpmP" }).warnings).toEqual([
      "/usr/lib/sysimage/rpm/Packages.db is of the form ndb, which fledge does not read",
      "/var/lib/rpm/Packages is a Berkeley DB, which fledge does not read",
    ]);
    expect(found({ [PLACE]: databaseOf(RPMS), [`${FOLDER}/Packages`]: "" })).toEqual({ packages: READ, warnings: [] });
    expect(found({ [PLACE]: databaseOf(RPMS), [`${PLACE}-wal`]: "" }).warnings).toEqual([]);
    expect(found({ [PLACE]: databaseOf(RPMS), [`${PLACE}-wal`]: "changes" }).warnings).toEqual([
      `${PLACE}-wal has changes that fledge does not read`,
    ]);
  });

  const changed = (change: (database: Buffer) => void): Buffer => {
    const database = databaseOf(RPMS);
    change(database);
    return database;
  };
  const last = databaseOf(RPMS).length - 512;

  test.each([
    ["no database", Buffer.from("text"), "it does not begin as SQLite's do"],
    ["pages of no size", changed((bytes) => bytes.writeUInt16BE(16, 16)), "its pages have 16 bytes"],
    [
      "another table",
      changed((bytes) => bytes.write("packages", bytes.indexOf("Packages"))),
      "it has no table Packages",
    ],
    ["a page of an index", changed((bytes) => bytes.writeUInt8(0x0a, 512)), "page 2 is none of a table"],
    ["a tree in a circle", changed((bytes) => bytes.writeUInt32BE(2, 520)), "page 2 is in two places"],
    ["a chain in a circle", changed((bytes) => bytes.writeUInt32BE(5, last - 512)), "page 5 is in two places"],
    ["a chain that leads out", changed((bytes) => bytes.writeUInt32BE(99, last - 512)), "there is no page 99"],
    [
      "cells out of their page",
      changed((bytes) => bytes.writeUInt16BE(0xffff, 515)),
      "something in it leads out of a page",
    ],
    ["a file that is cut off", databaseOf(RPMS).subarray(0, last), "there is no page"],
  ])("%s is a warning, not an error", (_, database, why) => {
    expect(found({ [PLACE]: database }).warnings).toEqual([
      expect.stringMatching(new RegExp(`^${PLACE} is not read: the database is damaged: .*${why}`)),
    ]);
  });

  test.each([
    ["more entries than there are bytes", (header: Buffer) => header.writeUInt32BE(0xffff, 0), "is cut off"],
    ["more data than there is", (header: Buffer) => header.writeUInt32BE(0xffffffff, 4), "is cut off"],
    ["no name", (header: Buffer) => header.writeUInt32BE(999, 8), "has no name or version"],
    ["a name that does not end", (header: Buffer) => header.writeUInt32BE(header.length, 16), "has no name or version"],
  ])("a header with %s", (_, change, why) => {
    const header = rpmHeader(RPMS[0] as RpmFields);
    change(header);
    const { packages, warnings } = found({ [PLACE]: rpmDatabase([rpmHeader(RPMS[1] as RpmFields), header]) });
    expect(warnings).toEqual([expect.stringContaining(why)]);
    expect(packages, "what comes before it is read").toEqual(["rpm gpg-pubkey a15b79cc-63d04c2c "]);
  });

  test("whatever else is in its bytes, it ends, with packages and warnings", () => {
    const intact = databaseOf(RPMS);
    const bytes = fc.array(fc.tuple(fc.nat(intact.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(bytes, (changes) => {
        const database = Buffer.from(intact);
        for (const [at, byte] of changes) database[at] = byte;
        expect(() => found({ [PLACE]: database })).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});
