import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { writeTar } from "../../../src/rootfs/tar-write.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";
import { merge } from "../../helpers/layers.ts";
import { listFolder, listTree } from "../../helpers/listing.ts";
import { describeWith, requireRoot, requireTools } from "../../helpers/requirements.ts";
import { sampleTree } from "../../helpers/sample-tree.ts";
import { tar } from "../../helpers/tar-writer.ts";
import { tempDir } from "../../helpers/temp.ts";

async function archiveOf(tree: RootfsTree): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(sealTree(tree.root))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The sample and all that tar-stream alone would get wrong. */
function hardTree(): RootfsTree {
  const tree = sampleTree();
  tree.rm("/run/socket");
  tree.setXattr("/bin/su", "security.capability", Buffer.from("0100000280c0000000000000ff00000000000000", "hex"));
  tree.setXattr("/bin", "user.bytes", Buffer.from([0, 0xff, 0x0a, 0x3d]));
  tree.writeFile("/mode0", "x", { mode: 0 });
  tree.writeFile(`/${"long/".repeat(60)}name`, "x", { uid: 2_097_152, gid: 4_294_967_294 });
  tree.writeFile("/exactly", Buffer.alloc(512, 1));
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

test("an archive holds all that the tree does", async () => {
  const tree = hardTree();
  const again = await merge([await archiveOf(tree)]);
  expect(listTree(again.root)).toEqual(listTree(tree.root));
});

test("a sparse file comes out with its holes as zeros", async () => {
  const pax = [
    ["GNU.sparse.map", "100000,3"],
    ["GNU.sparse.size", "300000"],
  ] as const;
  const tree = await merge([tar({ name: "sparse", data: "abc", pax })]);
  const again = await merge([await archiveOf(tree)]);
  expect(listTree(again.root)).toEqual(listTree(tree.root));
});

test("the same tree gives the same bytes", async () => {
  const [one, two] = [await archiveOf(hardTree()), await archiveOf(hardTree())];
  expect(one.equals(two)).toBe(true);
});

test("a socket cannot go into a tar", async () => {
  const tree = new RootfsTree();
  tree.mknod("/run/s", { type: "socket" });
  await expect(archiveOf(tree)).rejects.toMatchObject({
    code: "rootfs",
    message: expect.stringContaining("/run/s is a socket"),
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

test("a reader may stop early", async () => {
  for await (const _ of writeTar(sealTree(hardTree().root))) break;
});

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
    const folder = join(tempDir(), "out");
    mkdirSync(folder);
    const tree = hardTree();
    writeFileSync(`${folder}.tar`, await archiveOf(tree));
    const result = spawnSync(command, [...args, "--file", `${folder}.tar`, "--directory", folder], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const [theirs, ours] = [listFolder(folder), listTree(tree.root)];
    for (const listing of command === "bsdtar" ? [theirs, ours] : []) {
      // libarchive counts the fraction of a time before 1970 the wrong way, and leaves the root's time alone.
      for (const path of ["", "/old"]) Object.assign(listing[path] ?? {}, { mtime: "any" });
    }
    expect(theirs).toEqual(ours);
  });
});
