import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ByteString } from "../../../../src/lib/bytes.ts";
import type { Segment } from "../../../../src/rootfs/node.ts";
import { sealTree } from "../../../../src/rootfs/seal.ts";
import { type TarWriteOptions, writeTar } from "../../../../src/rootfs/tar/write.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { testContext } from "../../../helpers/context.ts";
import { stored } from "../../../helpers/inodes.ts";
import { merge } from "../../../helpers/layers.ts";
import { type Listing, listFolder, listTree } from "../../../helpers/listing.ts";
import { describeWith, requireRoot, requireTools } from "../../../helpers/requirements.ts";
import { sampleTree } from "../../../helpers/sample-tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

async function archiveOf(tree: RootfsTree, options: TarWriteOptions = {}, ctx = testContext()): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(sealTree(tree.root), ctx, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The sample and all that a header block has no room for, or just enough. */
function hardTree(): RootfsTree {
  const tree = sampleTree();
  tree.rm("/run/socket");
  tree.setXattr("/bin/su", "security.capability", Buffer.from("0100000280c0000000000000ff00000000000000", "hex"));
  tree.setXattr("/bin", "user.bytes", Buffer.from([0, 0xff, 0x0a, 0x3d]));
  for (const name of ["user.ö", "user.a=b", "user.100%", "user.%3D", "user.%25"]) tree.setXattr("/bin", name, name);
  tree.writeFile("/mode0", "x", { mode: 0 });
  tree.writeFile(`/${"long/".repeat(60)}name`, "x", { uid: 2_097_152, gid: 4_294_967_294 });
  tree.writeFile("/exactly", Buffer.alloc(512, 1));
  tree.writeFile("/owned", "x", { uid: 300_000, gid: 2_097_151 });
  tree.mknod("/dev/last", { type: "char", major: 4095, minor: 1_048_575 });
  tree.mknod("/dev/six-digits", { type: "block", major: 8, minor: 262_144 });
  for (const [name, sec, nsec] of [
    ["old", -2, 500_000_000],
    ["older", -5, 0],
    ["far", 2 ** 32, 1],
  ] as const) {
    tree.writeFile(`/${name}`, "");
    const node = tree.root.children.get(name as never);
    if (node !== undefined) node.mtime = { sec, nsec };
  }
  return tree;
}

/** Files of a layer with the segments that it has, whole blocks or not. */
function sparseTree(): RootfsTree {
  const layer = join(tempDir(), "layer");
  writeFileSync(layer, Buffer.alloc(16_384, "data of a layer"));
  const tree = new RootfsTree();
  const add = (name: string, size: number, segments: readonly Segment[]): void => {
    tree.root.children.set(name as ByteString, stored({ file: layer, offset: 100, size, segments }));
  };
  add("all hole", 70_000, []);
  add("ends in a hole", 200_000, [
    { at: 100_000, length: 3 },
    { at: 102_500, length: 10 },
  ]);
  add("ends in data", 300_000, [
    { at: 5, length: 100 },
    { at: 8190, length: 1 },
    { at: 299_999, length: 1 },
  ]);
  add("no hole that a block could show", 8192, [{ at: 4095, length: 2 }]);
  return tree;
}

function segmentsOf({ root }: RootfsTree, name: string): readonly Segment[] | undefined {
  const node = root.children.get(name as ByteString);
  return node?.type === "file" && node.content.kind === "stored" ? node.content.segments : undefined;
}

test("an archive holds all that the tree does", async () => {
  const tree = hardTree();
  const again = await merge([await archiveOf(tree)]);
  expect(listTree(again.root)).toEqual(listTree(tree.root));
});

test("a sparse file comes out with its holes as zeros", async () => {
  const tree = sparseTree();
  const again = await merge([await archiveOf(tree)]);
  expect(listTree(again.root)).toEqual(listTree(tree.root));
  expect(segmentsOf(again, "all hole")).toBeUndefined();
});

test("holes stay holes where that is asked for, in units of a block", async () => {
  const tree = sparseTree();
  const again = await merge([await archiveOf(tree, { sparse: "gnu" })]);
  expect(listTree(again.root)).toEqual(listTree(tree.root));
  expect(segmentsOf(again, "ends in data")).toEqual([
    { at: 0, length: 8192 },
    { at: 299_008, length: 992 },
  ]);
  expect(segmentsOf(again, "ends in a hole")).toEqual([{ at: 98_304, length: 8192 }]);
  expect(segmentsOf(again, "all hole")).toEqual([]);
  expect(segmentsOf(again, "no hole that a block could show")).toBeUndefined();
});

test("the same tree gives the same bytes", async () => {
  const [one, two] = [await archiveOf(hardTree()), await archiveOf(hardTree())];
  expect(one.equals(two)).toBe(true);
});

test("sockets are left out, and named in one warning", async () => {
  const tree = new RootfsTree();
  tree.writeFile("/run/a", "x");
  for (const n of [1, 2, 3, 4, 5, 6, 7]) tree.mknod(`/run/s${n}`, { type: "socket" });
  const ctx = testContext();
  const again = await merge([await archiveOf(tree, {}, ctx)]);
  expect(Object.keys(listTree(again.root))).toEqual(["", "/run", "/run/a"]);
  expect(ctx.warnings).toMatchObject([
    {
      message: "a tar archive cannot hold sockets; left out: /run/s1, /run/s2, /run/s3, /run/s4, /run/s5 and 2 more",
    },
  ]);
});

test("progress counts the bytes of files, and an abort ends the archive", async () => {
  const tree = new RootfsTree();
  tree.writeFile("/a", "12345");
  tree.writeFile("/b", "678");
  tree.link("/b", "/c");
  const seen: unknown[] = [];
  const ctx = testContext({ progress: (done, total) => void seen.push([done, total]) });
  await archiveOf(tree, {}, ctx);
  expect(seen).toContainEqual([5, 8]);
  expect(seen.at(-1)).toEqual([8, 8]);
  await expect(archiveOf(tree, {}, testContext({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
    code: "aborted",
  });
});

test("a file that vanished is an error of that file, not a short archive", async () => {
  const tree = new RootfsTree();
  tree.putFile("/f", { size: 5, content: { kind: "file", path: "/nonexistent/file" } });
  await expect(archiveOf(tree)).rejects.toMatchObject({
    code: "io",
    message: expect.stringContaining("/nonexistent/file"),
  });
});

test("a reader that stops early leaves no file open", async () => {
  const path = join(tempDir(), "large");
  writeFileSync(path, Buffer.alloc(20_000_000, "x"));
  const isOpen = (): boolean => readdirSync("/proc/self/fd").some((fd) => linkOf(`/proc/self/fd/${fd}`) === path);
  const tree = hardTree();
  tree.copyFromHost(path, "/large");
  let read = 0;
  for await (const chunk of writeTar(sealTree(tree.root), testContext())) {
    read += chunk.length;
    if (read > 10_000_000) {
      expect(isOpen()).toBe(true);
      break;
    }
  }
  expect(read).toBeGreaterThan(10_000_000);
  expect(isOpen()).toBe(false);
});

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describeWith("other tars read it", [requireTools("tar", "bsdtar", "getfattr"), requireRoot()], () => {
  test.each([
    [
      "tar",
      "--warning=no-timestamp",
      "--warning=no-unknown-keyword",
      "--xattrs",
      "--xattrs-include=*",
      "--numeric-owner",
      "--same-permissions",
      "--extract",
    ],
    ["bsdtar", "--xattrs", "--numeric-owner", "-p", "--extract"],
  ])("%s", async (command, ...args) => {
    const tree = hardTree();
    // GNU tar alone undoes what a keyword of PAX cannot hold.
    const escaped = command === "bsdtar" ? ["user.a=b", "user.%3D", "user.%25"] : [];
    for (const name of escaped) tree.setXattr("/bin", name, undefined);
    const folder = unpack(await archiveOf(tree), command, args);
    const [theirs, ours] = [listFolder(folder), listTree(tree.root)];
    for (const listing of command === "bsdtar" ? [theirs, ours] : []) {
      // libarchive counts the fraction of a time before 1970 the wrong way, and leaves the root's time alone.
      for (const path of ["", "/old"]) Object.assign(listing[path] ?? {}, { mtime: "any" });
    }
    expect(theirs).toEqual(ours);
  });

  test.each(["tar", "bsdtar"])("%s makes holes of holes", async (command) => {
    const tree = sparseTree();
    const folder = unpack(await archiveOf(tree, { sparse: "gnu" }), command, ["--same-owner", "--extract"]);
    const contents = (listing: Listing) => Object.fromEntries(Object.entries(listing).map(([k, v]) => [k, v.content]));
    expect(contents(listFolder(folder))).toEqual(contents(listTree(tree.root)));
    const blocks = ["all hole", "ends in a hole", "ends in data"].map((name) => statSync(join(folder, name)).blocks);
    expect(blocks).toEqual([0, 16, 24]);
  });
});

function unpack(archive: Buffer, command: string, args: readonly string[]): string {
  const folder = join(tempDir(), "out");
  mkdirSync(folder);
  const result = spawnSync(command, [...args, "--file", "-", "--directory", folder], {
    encoding: "utf8",
    input: archive,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  expect(result).toMatchObject({ status: 0, stderr: "" });
  return folder;
}
