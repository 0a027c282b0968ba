import { spawnSync } from "node:child_process";
import {
  closeSync,
  createReadStream,
  linkSync,
  mkdirSync,
  openSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { indexTar } from "../../src/rootfs/tar/read.ts";
import { mergeLayers } from "../helpers/layers.ts";
import { type Listing, listFolder, listTree } from "../helpers/listing.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

// Archives by the tars that people use, read back and compared with the folder that they were made of.

type Lost = { readonly times?: boolean; readonly xattrs?: boolean; readonly longNames?: boolean };

const GNU = ["tar", "--create", "--numeric-owner"];
const BSD = ["bsdtar", "--create", "--numeric-owner"];

const TARS: readonly (readonly [name: string, argv: readonly string[], lost: Lost])[] = [
  ["GNU tar, gnu", [...GNU, "--format=gnu"], { times: true, xattrs: true }],
  ["GNU tar, gnu, sparse", [...GNU, "--format=gnu", "--sparse"], { times: true, xattrs: true }],
  ["GNU tar, oldgnu, sparse", [...GNU, "--format=oldgnu", "--sparse"], { times: true, xattrs: true }],
  ["GNU tar, pax, xattrs", [...GNU, "--format=pax", "--xattrs", "--xattrs-include=*"], {}],
  ["GNU tar, pax, sparse 0.0", [...GNU, "--format=pax", "--sparse", "--sparse-version=0.0"], { xattrs: true }],
  ["GNU tar, pax, sparse 0.1", [...GNU, "--format=pax", "--sparse", "--sparse-version=0.1"], { xattrs: true }],
  ["GNU tar, pax, sparse 1.0", [...GNU, "--format=pax", "--sparse", "--sparse-version=1.0"], { xattrs: true }],
  ["GNU tar, ustar", [...GNU, "--format=ustar"], { times: true, xattrs: true, longNames: true }],
  ["GNU tar, v7", [...GNU, "--format=v7"], { times: true, xattrs: true, longNames: true }],
  ["bsdtar, pax", [...BSD, "--format=pax", "--xattrs"], {}],
  ["bsdtar, gnutar", [...BSD, "--format=gnutar"], { times: true, xattrs: true }],
  ["bsdtar, ustar", [...BSD, "--format=ustar"], { times: true, xattrs: true, longNames: true }],
];

describeWith(
  "archives of real tars",
  [requireTools("tar", "bsdtar", "setfattr", "getfattr", "setcap"), requireRoot()],
  () => {
    test.each(TARS)("%s", async (name, argv, lost) => {
      const folder = join(tempDir(), "root");
      makeFolder(folder, lost, name.includes("v7"));
      const archive = `${folder}.tar`;
      run([...argv, "--file", archive, "--directory", folder, "."]);
      const stream = createReadStream(archive, { highWaterMark: 10_007 });
      const entries = indexTar(stream, { label: name, storedFile: archive });
      const tree = await mergeLayers([{ label: name, entries: () => entries }]);
      expect(without(listTree(tree.root), lost)).toEqual(without(listFolder(folder), lost));
      if (!/sparse|bsdtar, pax/.test(name)) return;
      const file = tree.root.children.get("sparse" as never);
      expect(file).toMatchObject({ type: "file", content: { segments: expect.anything() } });
    });
  },
);

function makeFolder(folder: string, lost: Lost, isV7: boolean): void {
  mkdirSync(join(folder, "dir/sub"), { recursive: true });
  const write = (name: string, data: string): void => writeFileSync(join(folder, name), data);
  write("plain", "plain");
  write("empty", "");
  write("dir/big", "0123456789".repeat(100_000));
  write("caf\u00e9", "utf-8");
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/latin1-`), Buffer.from([0xe9])]), "latin1");
  if (!lost.longNames) {
    write("n".repeat(200), "long");
    mkdirSync(join(folder, "d".repeat(120), "e".repeat(120)), { recursive: true });
    write(join("d".repeat(120), "e".repeat(120), "f".repeat(120)), "deep");
    run(["ln", "-s", "t/".repeat(100), join(folder, "longlink")]);
    write("owned", "owned");
    run(["chown", "3000000:4000000000", join(folder, "owned")]);
  }
  linkSync(join(folder, "plain"), join(folder, "dir/hard"));
  run(["ln", "-s", "../plain", join(folder, "dir/soft")]);
  run(["chmod", "6755", join(folder, "plain")]);
  run(["chmod", "1777", join(folder, "dir/sub")]);
  if (!isV7) {
    run(["mknod", join(folder, "null"), "c", "1", "3"]);
    run(["mknod", join(folder, "disk"), "b", "259", "7"]);
    run(["mkfifo", join(folder, "pipe")]);
  }
  const sparse = openSync(join(folder, "sparse"), "w");
  for (let i = 0; i < 60; i++) writeSync(sparse, Buffer.alloc(4096, i + 1), 0, 4096, i * 65_536 + 65_536);
  closeSync(sparse);
  truncateSync(join(folder, "sparse"), 5_000_000);
  if (!lost.xattrs) {
    run(["setfattr", "-n", "user.bytes", "-v", "0x00ff0a3d80", join(folder, "empty")]);
    run(["setfattr", "-n", "user.dir", "-v", "x", join(folder, "dir")]);
    run(["setcap", "cap_net_raw,cap_setuid,cap_perfmon+ep", join(folder, "dir/big")]);
  }
  utimesSync(join(folder, "empty"), lost.times ? 1_000_000_000 : 1_000_000_000.125, lost.times ? 5 : 5.125);
}

function without(listing: Listing, lost: Lost): Listing {
  for (const listed of Object.values(listing)) {
    if (lost.times) listed.mtime = `${BigInt(listed.mtime.replace("ns", "")) / 1_000_000_000n}s`;
  }
  return listing;
}

function run([command = "", ...args]: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${result.stderr}`);
}
