import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { ResolvedPlugin } from "../../src/contract/plugin.ts";
import { resolveExt4Options } from "../../src/imagers/ext4/options.ts";
import { hexOf, sha256 } from "../../src/lib/digest.ts";
import { verifyCache } from "../../src/store/manage.ts";
import { IS_ALL } from "../helpers/extent.ts";
import { noise } from "../helpers/http-server.ts";
import { writeLayout } from "../helpers/oci-layout.ts";
import { smallPlugin } from "../helpers/plugin.ts";
import { runPlugin } from "../helpers/run-plugin.ts";
import { END, member, tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

// A disk forgets a bit, and neither size nor time tell: whatever file of the cache it is in, and wherever, the build makes
// the right image or says what is wrong.

const PIECE = 64 * 1024;
const SIZES = [1, 511, 4096, 5000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 77, 2 ** 20 + 4097];

function layers(): Buffer[] {
  const sparse = member({
    name: "sparse",
    data: noise(70_000 + 512),
    pax: [
      ["GNU.sparse.major", "0"],
      ["GNU.sparse.minor", "1"],
      ["GNU.sparse.size", "400000"],
      ["GNU.sparse.map", "4096,70000,200000,512"],
    ],
  });
  const files = SIZES.map((size) => member({ name: `f${size}`, data: noise(size) }));
  return [Buffer.concat([...files, sparse, END]), tar({ name: "g", data: noise(100_000) })];
}

function plugin(format: "ext4" | "tar" | "initramfs", layout: string): ResolvedPlugin {
  const { archive, init, ...common } = smallPlugin({
    source: { layout },
    manifest: { workload: { baseUrl: "http://127.0.0.1:8080", entrypoint: ["/init"] } },
  });
  if (format === "initramfs") return { ...common, archive, init };
  const filesystem = format === "ext4" ? resolveExt4Options({}, "small") : ({ type: "tar", sparse: true } as const);
  return { ...common, strategy: "oci_rootfs", filesystem };
}

/** Every file in a folder, but those that say who works in it. */
function filesOf(cacheDir: string): string[] {
  return readdirSync(cacheDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(leases|locks|staging)\//.test(path))
    .sort();
}

function flip(path: string, at: number, bit: number): void {
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ (1 << bit);
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
  settle(path);
}

/** A time that can be set again to the nanosecond. */
function settle(path: string): void {
  utimesSync(path, 1_000_000_000, 1_000_000_000);
}

/** Numbers that are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const FLIPS = IS_ALL ? 2 : 1;

test.each(["ext4", "tar", "initramfs"] as const)(
  "a bit of the cache flips: %s",
  { timeout: 300_000 },
  async (format) => {
    const layout = tempDir();
    writeLayout(layout, layers());
    const cacheDir = join(tempDir(), "cache");
    const build = () => runPlugin(plugin(format, layout), { cacheDir });
    const digestOfBuild = async (): Promise<string> => {
      const { result, error } = await build();
      if (error !== undefined) throw error;
      return sha256(readFileSync(result?.artifact.path ?? ""));
    };
    await digestOfBuild();
    filesOf(cacheDir).forEach(settle);
    const right = await digestOfBuild();
    const whole = tempDir();
    const restore = (from: string, to: string): void => {
      rmSync(to, { recursive: true, force: true });
      cpSync(from, to, { recursive: true, preserveTimestamps: true });
    };
    restore(cacheDir, whole);
    const random = numbers(format.length);
    let found = 0;
    for (const path of filesOf(cacheDir)) {
      for (let i = 0; i < FLIPS; i++) {
        const at = random(statSync(path).size);
        flip(path, at, random(8));
        const { result, error, warnings } = await build();
        expect(error, `${path} at ${at}`).toBeUndefined();
        expect(sha256(readFileSync(result?.artifact.path ?? "")), `${path} at ${at}`).toBe(right);
        if (warnings.some((warning) => warning.includes("damaged in the cache"))) found++;
        restore(whole, cacheDir);
      }
    }
    expect(found).toBeGreaterThanOrEqual(4 * FLIPS);

    // With nothing to fetch it from it is an error that says where it is and what to do.
    const [big = ""] = filesOf(cacheDir)
      .filter((path) => path.endsWith("layer.tar"))
      .sort((a, b) => statSync(b).size - statSync(a).size);
    flip(big, statSync(big).size - END.length - 50_000, 3);
    for (const layer of layers()) rmSync(join(layout, "blobs", "sha256", hexOf(sha256(layer))));
    const first = await build();
    expect(first.error).toMatchObject({
      code: "store",
      message: expect.stringMatching(/damaged in the cache: what is at byte \d+ .*; to fetch it again failed: /),
      hint: expect.stringContaining(dirname(big)),
    });
    expect(first.left).toEqual([]);
    // The next one does not even begin with it.
    const second = await build();
    expect(second.warnings).toContainEqual(expect.stringContaining("its tar has the digest"));
    expect(second.error).toMatchObject({ code: "checksum" });
  },
);

test("a hook that reads what is damaged is told", async () => {
  const layout = tempDir();
  writeLayout(layout, layers());
  const cacheDir = join(tempDir(), "cache");
  const reading = (): ResolvedPlugin => ({
    ...plugin("tar", layout),
    hooks: [{ origin: "config", hooks: { "rootfs:ready": ({ rootfs }) => void rootfs.readRange("/g", 10, 20) } }],
  });
  expect((await runPlugin(reading(), { cacheDir })).error).toBeUndefined();
  filesOf(cacheDir).forEach(settle);
  expect((await runPlugin(reading(), { cacheDir })).error).toBeUndefined();
  const [small = ""] = filesOf(cacheDir)
    .filter((path) => path.endsWith("layer.tar"))
    .sort((a, b) => statSync(a).size - statSync(b).size);
  // Elsewhere in the piece than what is read.
  flip(small, 1024 + 1000, 0);
  expect((await runPlugin(reading(), { cacheDir })).error).toMatchObject({
    message: expect.stringContaining("damaged in the cache"),
  });
  // The build after it fetches it again.
  const next = await runPlugin(reading(), { cacheDir });
  expect(next.error).toBeUndefined();
  expect(next.warnings).toContainEqual(expect.stringContaining("its tar has the digest"));
  expect((await verifyCache(cacheDir, new AbortController().signal)).damaged).toEqual([]);
});
