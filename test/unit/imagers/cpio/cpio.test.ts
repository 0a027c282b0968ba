import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cpioImager } from "../../../../src/imagers/cpio/index.ts";
import { COMPRESSIONS, type Compression } from "../../../../src/imagers/cpio/options.ts";
import { type SealedTree, sealTree } from "../../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { testContext } from "../../../helpers/context.ts";
import { sampleTree } from "../../../helpers/sample-tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

const DECOMPRESS: Record<Compression, string[]> = {
  gzip: ["gzip", "-dc"],
  zstd: ["zstd", "-dc"],
  xz: ["xz", "-dc"],
  lz4: ["lz4", "-dc"],
  none: ["cat"],
};

async function image(tree: SealedTree, compression: Compression = "none", level?: number): Promise<string> {
  const out = join(tempDir(), "image");
  const options = level === undefined ? { compression } : { compression, level };
  await cpioImager.write(tree, out, options, testContext());
  await cpioImager.verify(tree, out, options, testContext());
  return out;
}

test("GNU cpio unpacks what the tree holds", async () => {
  const tree = sealTree(sampleTree().root);
  const file = await image(tree);
  const root = tempDir();
  execFileSync("cpio", ["-idm", "--quiet", "-F", file], { cwd: root });
  const inos = new Map<number, number>();
  for (const { path, inode } of tree.entries.slice(1)) {
    const at = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
    const stat = lstatSync(at);
    const { node } = inode;
    const expected = { mode: node.mode, uid: node.uid, gid: node.gid, nlink: inode.nlink, mtime: node.mtime.sec };
    const isLink = node.type === "symlink"; // its mode is not its own
    const hasTime = node.type !== "symlink" && node.type !== "dir"; // GNU cpio restores no others
    expect({
      path,
      mode: isLink ? node.mode : stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      nlink: stat.nlink,
      mtime: hasTime ? stat.mtimeMs / 1000 : node.mtime.sec,
    }).toEqual({ path, ...expected });
    expect(inos.get(inode.index) ?? stat.ino).toBe(stat.ino);
    inos.set(inode.index, stat.ino);
    if (node.type === "symlink") expect(readlinkSync(at, "latin1")).toBe(node.target);
    if (node.type === "file") expect(readFileSync(at).length).toBe(node.size);
    if (node.type === "char" || node.type === "block") {
      const numbers = execFileSync("stat", ["-c", "%t:%T", at.toString("latin1")])
        .toString()
        .trim();
      expect(numbers).toBe(`${node.major.toString(16)}:${node.minor.toString(16)}`);
    }
  }
  expect(new Set(inos.values()).size).toBe(tree.inodes.length - 1);
});

test("GNU cpio lists the names in the tree's order", async () => {
  const rootfs = new RootfsTree();
  for (const path of ["/b", "/a/x", "/a.b"]) rootfs.writeFile(path, path);
  const file = await image(sealTree(rootfs.root));
  expect(execFileSync("cpio", ["-t", "--quiet", "-F", file]).toString()).toBe(".\na\na/x\na.b\nb\n");
});

test.each(COMPRESSIONS)("%s holds the same archive, and its own tool reads it", async (compression) => {
  const tree = sealTree(sampleTree().root);
  const [program = "", ...argv] = DECOMPRESS[compression];
  const unpacked = execFileSync(program, [...argv, await image(tree, compression)], { maxBuffer: 1e9 });
  expect(unpacked.equals(readFileSync(await image(tree)))).toBe(true);
});

test("the gzip is one member with nothing of the host in its header, the same every time", async () => {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/big", Buffer.alloc(3_000_000, "some text that compresses, "));
  const tree = sealTree(rootfs.root);
  const [first, second] = [readFileSync(await image(tree, "gzip")), readFileSync(await image(tree, "gzip"))];
  expect(first.subarray(0, 10).toString("hex")).toBe("1f8b08000000000000ff");
  expect(first.equals(second)).toBe(true);
  expect(readFileSync(await image(tree, "gzip", 9)).length).toBeLessThanOrEqual(first.length);
});

test("a sparse file of the store comes out with its holes as zeros", async () => {
  const folder = tempDir();
  writeFileSync(join(folder, "layer"), "....headtail");
  const rootfs = new RootfsTree();
  const segments = [
    { at: 4096, length: 4 },
    { at: 2_000_000, length: 4 },
  ];
  rootfs.putFile("/sparse", {
    size: 3_000_000,
    content: { kind: "stored", file: join(folder, "layer"), offset: 4, segments },
  });
  const file = await image(sealTree(rootfs.root));
  const root = tempDir();
  execFileSync("cpio", ["-id", "--quiet", "-F", file], { cwd: root });
  const expected = Buffer.alloc(3_000_000);
  expected.write("head", 4096);
  expected.write("tail", 2_000_000);
  expect(readFileSync(join(root, "sparse")).equals(expected)).toBe(true);
});

test("extended attributes are lost with a warning that names the files", async () => {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/bin/ping", "elf");
  rootfs.setCapability("/bin/ping", "cap_net_raw+ep");
  const ctx = testContext();
  await cpioImager.write(sealTree(rootfs.root), join(tempDir(), "image"), { compression: "none" }, ctx);
  expect(ctx.warnings).toEqual([
    expect.objectContaining({ message: expect.stringMatching(/lost: \/bin\/ping \(security\.capability\)$/) }),
  ]);
});

test.each([
  [
    "a name of 256 bytes",
    (fs: RootfsTree) => fs.writeFile(`/${"n".repeat(256)}`, ""),
    /its name has 256 bytes; an initramfs holds 255/,
  ],
  ["a path of 4,096 bytes", (fs: RootfsTree) => fs.mkdir("/ddd".repeat(1025)), /its path has 4099 bytes/],
  ["a target of 4,096 bytes", (fs: RootfsTree) => fs.symlink("t".repeat(4096), "/s"), /its target has 4096 bytes/],
  ["the trailer's name", (fs: RootfsTree) => fs.writeFile("/TRAILER!!!", ""), /cannot hold a file of this name/],
  [
    "4 GiB",
    (fs: RootfsTree) => fs.putFile("/big", { size: 2 ** 32, content: { kind: "inline", bytes: Buffer.alloc(0) } }),
    /\/big: 4\.0 GiB is too large for an initramfs/,
  ],
])("%s is refused before anything is written", async (_, make, message) => {
  const rootfs = new RootfsTree();
  make(rootfs);
  const folder = tempDir();
  const write = cpioImager.write(sealTree(rootfs.root), join(folder, "image"), { compression: "none" }, testContext());
  await expect(write).rejects.toThrow(message);
  expect(readdirSync(folder)).toEqual([]);
});

test("an abort stops the writing", async () => {
  const controller = new AbortController();
  const rootfs = new RootfsTree();
  for (let i = 0; i < 50; i++) rootfs.writeFile(`/${i}`, Buffer.alloc(100_000, String(i)));
  const ctx = testContext({ signal: controller.signal, progress: () => controller.abort() });
  const write = cpioImager.write(sealTree(rootfs.root), join(tempDir(), "image"), { compression: "gzip" }, ctx);
  await expect(write).rejects.toMatchObject({ code: "aborted" });
});

test.each([
  ["a byte of content", 100_000, /\/a-first-name: has other content|\/data\/blob: has other content/],
  ["a mode", "mode", /mode|header/],
])("the verifier notices %s that changed", async (what, where, message) => {
  const tree = sealTree(sampleTree().root);
  const file = await image(tree);
  const bytes = readFileSync(file);
  const at = typeof where === "number" ? bytes.indexOf("0123456789abcdef") + 500 : bytes.indexOf("000089ed");
  expect(at, what).toBeGreaterThan(0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await expect(cpioImager.verify(tree, file, { compression: "none" }, testContext())).rejects.toThrow(message);
});

test("the verifier notices a missing entry, one too many, and a wrong link", async () => {
  const build = (make: (rootfs: RootfsTree) => void): SealedTree => {
    const rootfs = new RootfsTree();
    rootfs.writeFile("/a", "same");
    make(rootfs);
    return sealTree(rootfs.root);
  };
  const one = build(() => {});
  const two = build((rootfs) => rootfs.writeFile("/b", "same"));
  const linked = build((rootfs) => rootfs.link("/a", "/b"));
  const verify = async (tree: SealedTree, of: SealedTree): Promise<void> =>
    cpioImager.verify(tree, await image(of), { compression: "none" }, testContext());
  await expect(verify(two, one)).rejects.toThrow(/\/b: is missing from the archive/);
  await expect(verify(one, two)).rejects.toThrow(/\/b: is not what the tree has here/);
  await expect(verify(two, linked)).rejects.toThrow(/\/a: nlink is 2, should be 1/);
});
