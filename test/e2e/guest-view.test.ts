import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { TYPE_BITS } from "../../src/imagers/cpio/newc.ts";
import { COMPRESSIONS } from "../../src/imagers/cpio/options.ts";
import { type SealedEntry, sealTree } from "../../src/rootfs/seal.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { fledge } from "../helpers/cli.ts";
import { bootGuest, requireBoot } from "../helpers/guest.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { fillSample } from "../helpers/sample-tree.ts";

const SAMPLE_TREE = fileURLToPath(new URL("../helpers/sample-tree.ts", import.meta.url));
const EPOCH = "1700000000";

function sample(): readonly SealedEntry[] {
  const rootfs = new RootfsTree({ sec: Number(EPOCH), nsec: 0 });
  fillSample(rootfs, "/sample");
  return sealTree(rootfs.root).entries.filter(({ path }) => path.startsWith("sample/"));
}

/** A script that says of each entry what the guest's kernel knows of it, by number; its names are bytes. */
function statScript(entries: readonly SealedEntry[]): Buffer {
  const lines = entries.map(({ path }, index) => {
    const quoted = `'/${path.replaceAll("'", `'\\''`)}'`;
    return `stat -c '@ ${index} %f %u %g %h %Y %t:%T %s %i' ${quoted}`;
  });
  return Buffer.from(
    ["#!/bin/sh", ...lines, "sha256sum /sample/data/blob", "readlink /sample/bin/far", ""].join("\n"),
    "latin1",
  );
}

/** The same line, from the tree. A directory's size is the guest filesystem's affair. */
function expectedLine({ inode }: SealedEntry, index: number, size: string): string {
  const { node } = inode;
  const isDevice = node.type === "char" || node.type === "block";
  const mode = (TYPE_BITS[node.type] | node.mode).toString(16);
  const device = isDevice ? `${node.major.toString(16)}:${node.minor.toString(16)}` : "0:0";
  const length = node.type === "file" ? node.size : node.type === "symlink" ? node.target.length : size;
  return `${index} ${mode} ${node.uid} ${node.gid} ${inode.nlink} ${EPOCH} ${device} ${length}`;
}

function blobDigest(): string {
  const rootfs = new RootfsTree();
  fillSample(rootfs);
  return createHash("sha256").update(rootfs.readFile("/data/blob")).digest("hex");
}

describeWith("what the guest sees", [requireBoot(), requireTools("busybox", ...COMPRESSIONS.slice(1, 4))], () => {
  test("modes, owners, links, devices, times and bytes are those of the tree, and each codec boots", async () => {
    const entries = sample();
    const cwd = project({
      "fledge.config.mts": `
        import { fillSample } from ${JSON.stringify(SAMPLE_TREE)};
        const codecs = ${JSON.stringify(COMPRESSIONS)};
        export default codecs.map((compression) => ({
          name: compression, strategy: "initramfs", archive: { compression },
          busybox: { path: "/bin/busybox" }, init: { path: "./stat.sh" },
          hooks: { "rootfs:ready": ({ rootfs }) => fillSample(rootfs, "/sample") },
        }));`,
    });
    writeFileSync(join(cwd, "stat.sh"), statScript(entries));
    const { code, stderr } = await fledge(["build", "--verify"], { cwd, env: { SOURCE_DATE_EPOCH: EPOCH } });
    expect(code, stderr).toBe(0);

    const suffixes = { gzip: ".gz", zstd: ".zst", xz: ".xz", lz4: ".lz4", none: "" };
    for (const codec of COMPRESSIONS) {
      const { console } = await bootGuest({ initrd: join(cwd, `${codec}.cpio${suffixes[codec]}`), append: "quiet" });
      const seen = [...console.matchAll(/^@ (\d+) (.*) (\d+)$/gm)];
      expect(seen, codec).toHaveLength(entries.length);
      const inodes = new Map<number, string>();
      for (const [index, entry] of entries.entries()) {
        const [, number, line = "", ino = ""] = seen[index] ?? [];
        const size = line.split(" ").at(-1) ?? "";
        expect(`${number} ${line}`, entry.path).toBe(expectedLine(entry, index, size));
        expect(inodes.get(entry.inode.index) ?? ino).toBe(ino);
        inodes.set(entry.inode.index, ino);
      }
      expect(console).toContain(`${blobDigest()}  /sample/data/blob`);
      expect(console).toContain(`/${"long/".repeat(60)}target`);
    }
  });
});
