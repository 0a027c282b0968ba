import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { build, tryBuild } from "../helpers/builds.ts";
import { CLI } from "../helpers/cli.ts";
import { run, withMount } from "../helpers/disk.ts";
import { awaitNothingLeft, leftoversOf } from "../helpers/leftovers.ts";
import { type Listing, listFolder } from "../helpers/listing.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";
import { listingDifferences, without } from "../helpers/umoci.ts";

// Whole builds, several in a test, on a machine that may have other work to do.
vi.setConfig({ testTimeout: 300_000 });

const MIB = 2 ** 20;
const FILESYSTEMS = [{ type: "ext4", engine: "loop" }, { type: "xfs" }, { type: "btrfs" }] as const;
const TOOLS = ["mkfs.xfs", "mkfs.btrfs", "mke2fs", "unshare", "tar", "setpriv"];

describeWith("the loop engine", [needsRealImages(), requireRoot(), requireTools(...TOOLS)], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-real-"));
  const env = { FLEDGE_CACHE_DIR: join(scratch, "cache") };
  let source: { image: string };
  let expected: Listing;

  const recipe = (more: object) => ({ name: "nginx", strategy: "oci_rootfs", source, ...more });
  const mounted = (artifact: string, type: string): Promise<Listing> =>
    withMount(artifact, "ro", (folder) => without(listFolder(folder), "/lost+found"), type);

  beforeAll(async () => {
    source = { image: `oci:${await nginxLayout()}:${TAG}` };
    expected = await mounted((await build("nginx", recipe({}), { env, cwd: nativeFolder() })).artifact, "ext4");
  }, 1_200_000);
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const nativeFolder = () => {
    const folder = join(scratch, "native");
    mkdirSync(folder);
    return folder;
  };

  let cwd = "";
  afterEach(() => {
    if (cwd !== "") expect(leftoversOf(cwd)).toEqual([]);
  });

  test.each(FILESYSTEMS)(
    "makes $type of a real image, which the kernel shows as it shows the native ext4",
    async (filesystem) => {
      cwd = tempDir();
      const { artifact, stderr } = await build("nginx", recipe({ filesystem }), { env, cwd });
      expect(listingDifferences(await mounted(artifact, filesystem.type), expected)).toEqual([]);
      expect(stderr.includes(`stock kernel has no ${filesystem.type}`)).toBe(filesystem.type !== "ext4");
    },
  );

  test.each(FILESYSTEMS)("$type: size, headroom, label and UUID are those asked for", async (filesystem) => {
    cwd = tempDir();
    const uuid = "01234567-89ab-cdef-0123-456789abcdef";
    const common = { ...filesystem, uuid, label: "web root" };
    const fitted = await build("nginx", recipe({ filesystem: { ...common, headroom: "300M" } }), { env, cwd });
    const free = await withMount(fitted.artifact, "rw", availableBytes, filesystem.type);
    expect(free / MIB).toBeGreaterThanOrEqual(300);
    expect(free / MIB).toBeLessThan(320);
    expect(run("blkid", ["-p", "-o", "export", fitted.artifact])).toMatch(
      new RegExp(`LABEL=web\\\\? root\\n[^]*UUID=${uuid}\\n`),
    );
    const fixed = recipe({ filesystem: { ...common, size: "700M", preallocate: true } });
    const { artifact } = await build("nginx", fixed, { env, cwd });
    expect(statSync(artifact).size).toBe(700 * MIB);
    expect(statSync(artifact).blocks * 512).toBeGreaterThanOrEqual(700 * MIB);
  });

  test.each([
    [{ type: "ext4", engine: "loop", size: "60M" }, "the files do not fit in 60.0 MiB of ext4"],
    [{ type: "btrfs", size: "60M" }, "the files do not fit in 60.0 MiB of btrfs"],
    [{ type: "xfs", size: "60M" }, "xfs takes 300.0 MiB at least"],
  ])("a size that is too small: %o", async (filesystem, message) => {
    cwd = tempDir();
    const { code, stderr } = await tryBuild(recipe({ filesystem }), { env, cwd });
    expect({ code, isSaid: stderr.includes(message) }, stderr).toEqual({ code: 1, isSaid: true });
    expect(stderr).not.toContain("unshare");
  });

  test("fledge.toml: the keys of the Go original", async () => {
    cwd = tempDir();
    const toml = `
      strategy = "oci_rootfs"
      [source]
      image = "${source.image}"
      [filesystem]
      type = "btrfs"
      size_buffer_mb = 300
      preallocate = true
      compression_level = 15
    `;
    const { artifact, stderr } = await build(
      "nginx",
      `[plugin]\nname = "nginx"\n${toml.replace('strategy = "oci_rootfs"', "")}`,
      { env, cwd },
    );
    expect(stderr).toContain("filesystem.compression_level has no effect on btrfs");
    expect(await withMount(artifact, "rw", availableBytes, "btrfs")).toBeGreaterThanOrEqual(300 * MIB);
    expect(statSync(artifact).blocks * 512).toBeGreaterThanOrEqual(statSync(artifact).size);
  });

  test.each(FILESYSTEMS)("$type: somebody who is not root hears so before any work", async (filesystem) => {
    cwd = tempDir();
    chmodSync(cwd, 0o777);
    const unreachable = { image: "127.0.0.1:1/nobody/home:1" };
    const via = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { code, stderr } = await tryBuild(recipe({ source: unreachable, filesystem }), {
      cwd,
      via,
      env: { FLEDGE_CACHE_DIR: join(cwd, "cache"), HOME: cwd },
    });
    expect(code).toBe(3);
    expect(stderr).toContain("this is not root");
    expect(stderr).toContain(filesystem.type === "ext4" ? 'filesystem.engine = "native"' : 'filesystem.type = "ext4"');
    expect(stderr).not.toContain("127.0.0.1");
    expect(existsSync(join(cwd, "cache"))).toBe(false);
  });
});

describeWith("the loop engine, stopped at any moment", [requireRoot(), requireTools(...TOOLS)], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-stopped-"));
  const env = { FLEDGE_CACHE_DIR: join(scratch, "cache") };
  const files = join(scratch, "files");
  const took = new Map<string, number>();
  beforeAll(() => {
    mkdirSync(join(files, "bin"), { recursive: true });
    writeFileSync(join(files, "bin/run"), readFileSync("/bin/busybox"), { mode: 0o755 });
    for (let i = 0; i < 100; i++) writeFileSync(join(files, `${i}`), Buffer.alloc(MIB, i + 1));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const recipe = (filesystem: object) => ({
    ...{ name: "web", strategy: "oci_rootfs", source: { dir: files }, filesystem: { ...filesystem, headroom: "1M" } },
    manifest: { workload: { entrypoint: ["/bin/run"], baseUrl: "http://127.0.0.1:80" } },
  });

  for (const filesystem of FILESYSTEMS) {
    test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(`${filesystem.type} by %s`, async (signal) => {
      const cwd = tempDir();
      const before = process.hrtime.bigint();
      if (!took.has(filesystem.type)) {
        await build("web", recipe(filesystem), { env, cwd });
        took.set(filesystem.type, Number(process.hrtime.bigint() - before) / 1e6);
      }
      writeFileSync(join(cwd, "fledge.config.mjs"), `export default ${JSON.stringify(recipe(filesystem))};`);
      for (let moment = 0; moment < 3; moment++) {
        const afterMs = ((moment + Math.random()) / 3) * (took.get(filesystem.type) ?? 0);
        const { code, killedBy } = await stopped({ cwd, env, signal, afterMs });
        const where = `${signal} after ${Math.round(afterMs)} ms`;
        if (signal === "SIGKILL") {
          expect(await awaitNothingLeft(cwd, 30), where).toEqual([]);
        } else {
          expect(code === 0 || code === 130 || killedBy === signal, `${where}: exit code ${code}`).toBe(true);
          expect(leftoversOf(cwd), where).toEqual([]);
        }
      }
      await build("web", recipe(filesystem), { env, cwd });
      expect(leftoversOf(cwd)).toEqual([]);
    });
  }
});

type Stop = {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly signal: NodeJS.Signals;
  readonly afterMs: number;
};

/** Starts a build and sends it a signal some time later, if it still runs. */
function stopped({ cwd, env, signal, afterMs }: Stop): Promise<{ code: number | null; killedBy: string | null }> {
  const child = spawn(process.execPath, [CLI, "build"], { cwd, env: { ...process.env, ...env }, stdio: "ignore" });
  const timer = setTimeout(() => child.kill(signal), afterMs);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, killedBy) => {
      clearTimeout(timer);
      resolve({ code, killedBy });
    });
  });
}

function availableBytes(mountPoint: string): number {
  const [blocks = 0, bytes = 0] = run("stat", ["--file-system", "--format", "%a %S", mountPoint])
    .split(" ")
    .map(Number);
  return blocks * bytes;
}
