import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpioImager } from "../../../src/imagers/cpio/index.ts";
import { ext4Imager } from "../../../src/imagers/ext4/index.ts";
import { inspectImage } from "../../../src/inspect/inspect.ts";
import { listImage } from "../../../src/inspect/list.ts";
import { openImage } from "../../../src/inspect/open.ts";
import { imageReader, inodeAt } from "../../../src/inspect/reader.ts";
import { isFledgeError } from "../../../src/lib/errors.ts";
import { readContentSync } from "../../../src/rootfs/content.ts";
import type { FileInode } from "../../../src/rootfs/node.ts";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";
import { testProgram } from "../../../src/testing/image.ts";
import { quietContext } from "../../helpers/disk.ts";
import { ext4Options } from "../../helpers/ext4.ts";
import { sampleTree } from "../../helpers/sample-tree.ts";
import { tempDir } from "../../helpers/temp.ts";

function readerOf(tree: RootfsTree, architecture?: string) {
  const facts = architecture === undefined ? {} : { architecture };
  return imageReader({ target: "tree", format: "folder", facts, lacks: [], root: tree.root, close: async () => {} });
}

describe("what is worth a look", () => {
  const paths = (found: readonly { path: string }[]): string[] => found.map(({ path }) => path);

  test("bits, capabilities, keys, links", () => {
    const tree = sampleTree();
    tree.writeFile("/srv/open", "x", { mode: 0o666 });
    tree.mkdir("/srv/shared", { mode: 0o777 });
    tree.writeFile("/usr/bin/ping", "x");
    tree.setCapability("/usr/bin/ping", "cap_net_raw+ep");
    tree.writeFile("/root/.ssh/id", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n");
    tree.writeFile("/usr/lib/ssh.py", 'START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n');
    tree.symlink("/proc/mounts", "/etc/mtab");
    tree.symlink("b", "/a");
    tree.symlink("a", "/b");
    const { findings } = inspectImage(readerOf(tree));
    expect(findings.setuid).toEqual([{ path: "/bin/su", what: "4755" }]);
    expect(findings.capabilities).toEqual([{ path: "/usr/bin/ping", what: "cap_net_raw=ep" }]);
    expect(paths(findings.worldWritable)).toEqual(["/srv/open", "/srv/shared"]);
    expect(findings.privateKeys).toEqual([{ path: "/root/.ssh/id", what: "BEGIN OPENSSH PRIVATE KEY" }]);
    expect(paths(findings.danglingLinks)).toEqual(["/a", "/b", "/bin/far"]);
  });

  test("programs of another processor, by what the image is for, or by what most are", () => {
    const tree = new RootfsTree();
    tree.writeFile("/bin/a", testProgram("amd64"));
    tree.writeFile("/bin/b", testProgram("amd64"));
    tree.writeFile("/bin/c", testProgram("arm64"));
    expect(inspectImage(readerOf(tree)).findings.foreignPrograms).toEqual([{ path: "/bin/c", what: "aarch64" }]);
    expect(paths(inspectImage(readerOf(tree, "arm64")).findings.foreignPrograms)).toEqual(["/bin/a", "/bin/b"]);
  });

  test("packages of dpkg, of distroless, and of apk", () => {
    const tree = new RootfsTree();
    const paragraph = (name: string, status: string): string =>
      `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: 1.0-1\nDescription: x\n long\n`;
    tree.writeFile(
      "/var/lib/dpkg/status",
      `${paragraph("bash", "install ok installed")}\n${paragraph("gone", "deinstall ok config-files")}\n`,
    );
    tree.writeFile("/var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2025b\nArchitecture: all\n");
    tree.writeFile("/lib/apk/db/installed", "C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\n\nP:busybox\nV:1.36\nA:x86_64\n\n");
    const { packages } = inspectImage(readerOf(tree));
    expect(packages.map(({ manager, name, version }) => `${manager} ${name} ${version}`)).toEqual([
      "dpkg bash 1.0-1",
      "apk busybox 1.36",
      "apk musl 1.2.5-r0",
      "dpkg tzdata 2025b",
    ]);
  });

  test("the largest files and folders; a hard link counts once", () => {
    const tree = new RootfsTree();
    tree.writeFile("/a/b/large", Buffer.alloc(5000));
    tree.writeFile("/a/small", Buffer.alloc(10));
    tree.link("/a/b/large", "/c");
    const { largestFiles, largestFolders, contentBytes, counts } = inspectImage(readerOf(tree));
    expect(largestFiles).toEqual([
      { path: "/a/b/large", bytes: 5000 },
      { path: "/a/small", bytes: 10 },
    ]);
    expect(largestFolders).toEqual([
      { path: "/a", bytes: 5010 },
      { path: "/a/b", bytes: 5000 },
    ]);
    expect([contentBytes, counts]).toEqual([5010, { dir: 3, file: 2 }]);
  });
});

describe("listing", () => {
  test("a folder, all below, a file, what is not there", () => {
    const reader = readerOf(sampleTree());
    const names = (path: string, recursive = false) =>
      [...listImage(reader, path, { recursive })].map((entry) => entry.path);
    expect(names("/etc")).toEqual(["/etc/empty", "/etc/empty2", "/etc/passwd"]);
    expect(names("etc/")).toEqual(["/etc/empty", "/etc/empty2", "/etc/passwd"]);
    expect(names("/bin/pw")).toEqual(["/bin/pw"]);
    expect(names("/", true)).toEqual([...sampleTree().walk()].map(({ path }) => path));
    expect(() => names("/nowhere")).toThrow("/nowhere is not in tree");
  });
});

describe("damaged images", () => {
  const ctx = quietContext();

  async function readAll(path: string, cacheDir: string): Promise<void> {
    const reader = await openImage(path, { cacheDir });
    try {
      for (const { node } of reader.tree.inodes) if (node.type === "file" && node.size < 1e6) readContentSync(node);
    } finally {
      await reader.close();
    }
  }

  test.each(["ext4", "cpio"] as const)("%s: a changed byte is an error of fledge's or no harm", async (format) => {
    const folder = tempDir();
    const image = join(folder, "image");
    const tree = sealTree(sampleTree().root);
    if (format === "ext4") await ext4Imager.write(tree, image, ext4Options({ headroomBytes: 0, journal: false }), ctx);
    else await cpioImager.write(tree, image, { compression: "none" }, ctx);
    const whole = readFileSync(image);
    const changes = fc.array(fc.tuple(fc.nat(Math.min(whole.length, 120_000) - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(changes, async (bytes) => {
        const damaged = Buffer.from(whole);
        for (const [at, value] of bytes) damaged[at] = value;
        // So that what follows the superblock is met, too.
        if (format === "ext4") whole.copy(damaged, 1024, 1024, 2048);
        writeFileSync(image, damaged);
        await readAll(image, folder).catch((error: unknown) => {
          if (!isFledgeError(error)) throw error;
        });
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ["", "is empty"],
    ["just text", "is no image of a format that fledge knows"],
    ["XFSB", "is an xfs, which only a mount can read"],
    ["070701zz", "cannot be read as cpio"],
    ["hsqs", "cannot be read as squashfs: it is too short"],
  ])("%j %s", async (text, message) => {
    const file = join(tempDir(), "file");
    writeFileSync(file, text);
    await expect(openImage(file)).rejects.toThrow(message);
  });
});

describe("what is named", () => {
  test("a path that is not there is called that, and not taken for a reference", async () => {
    for (const path of ["./nope.img", "../nope", "/nope/nope.tar", "nope.img", "out/nope.cpio.gz"]) {
      await expect(openImage(path)).rejects.toMatchObject({ code: "usage", message: `${path} does not exist` });
    }
  });

  test("a path is found by how it is shown", () => {
    const tree = new RootfsTree();
    tree.writeFile(Buffer.from("/bad\xff\xfebyte", "latin1"), "1");
    tree.writeFile("/new\nline", "2");
    tree.writeFile("/back\\n", "3");
    const reader = readerOf(tree);
    for (const [path, size] of [
      ["/bad\\xff\\xfebyte", "1"],
      ["/new\\nline", "2"],
      ["/back\\n", "3"],
    ] as const) {
      expect(readContentSync(inodeAt(reader, path, true) as FileInode).toString()).toBe(size);
    }
  });

  test("an archive of nothing is empty, packed or not, and a blank disk is no archive", async () => {
    const folder = tempDir();
    for (const bytes of [1024, 10_240]) {
      for (const [name, content] of [
        ["a.tar", Buffer.alloc(bytes)],
        ["a.tgz", gzipSync(Buffer.alloc(bytes))],
      ] as const) {
        writeFileSync(join(folder, name), content);
        const reader = await openImage(join(folder, name));
        expect([reader.format, [...listImage(reader)].length]).toEqual(["tar", 0]);
        await reader.close();
      }
    }
    writeFileSync(join(folder, "blank"), Buffer.alloc(65_536));
    await expect(openImage(join(folder, "blank"))).rejects.toMatchObject({ code: "image" });
  });
});
