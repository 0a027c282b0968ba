import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bigLayout, nginxLayout, TAG } from "../helpers/real-images.ts";
import { type Registry, startRegistry } from "../helpers/registry.ts";
import { END, member } from "../helpers/tar-writer.ts";
import { floorOfImage, floorOfLayers } from "./floor.ts";
import { ratio } from "./history.ts";
import { inTempDir, type Measurement, measure, median, row } from "./measure.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const MIB = 1024 * 1024;
const RUNS = Number(process.env.RUNS ?? 3);
const FILES = 120_000;

/** What fledge replaces, each step timed; the image is shrunk to fit, as fledge's is. */
const SHELL = `
step() { local started=$EPOCHREALTIME; "$@" >/dev/null 2>&1; echo "$1 $started $EPOCHREALTIME" >> steps; }
rm -rf steps oci bundle mnt shell.img
step skopeo copy --quiet --src-tls-verify=false docker://$IMAGE oci:oci:image
step umoci unpack --image oci:image bundle
step du -sm bundle/rootfs
step truncate -s $(( $(du -sm bundle/rootfs | cut -f1) * 115 / 100 + 128 ))M shell.img
step mkfs.ext4 -q -F shell.img
loop=$(losetup -f); step losetup $loop shell.img
mkdir mnt; step mount $loop mnt
step cp -a bundle/rootfs/. mnt/
step umount mnt; losetup -d $loop
step e2fsck -fy shell.img
step resize2fs -M shell.img
step sha256sum shell.img
`;

/**
 * A registry image to a bootable ext4 disk, against the shell pipeline, taking turns. A time is that of the whole process:
 * nobody syncs, so what the kernel still has to write back counts for nobody, and before each turn it is made to finish.
 * The registry's files are in the page cache for all.
 */
export async function benchOci(): Promise<void> {
  const registry = await startRegistry();
  try {
    registry.push(`oci:${await nginxLayout()}:${TAG}`, "bench/small:1");
    registry.push(`oci:${await bigLayout()}:${TAG}`, "bench/big:1");
    await inTempDir((folder) => compare(folder, registry));
    await inTempDir(manyFiles);
  } finally {
    await registry.stop();
  }
}

async function compare(folder: string, registry: Registry): Promise<void> {
  const image = `${registry.host}/bench/big:1`;
  writeConfig(folder, { image });
  writeFileSync(join(folder, "shell.sh"), SHELL);
  const runs: Record<string, Measurement[]> = {};
  const take = async (name: string, run: () => Measurement | Promise<Measurement>): Promise<void> => {
    execFileSync("sync");
    const taken = await run();
    runs[name] = [...(runs[name] ?? []), taken];
    console.log(`  ${name} ${taken.seconds.toFixed(2)} s`);
  };
  for (let i = 0; i < RUNS; i++) {
    await take("shell", () => measure(`IMAGE=${image}; . ./shell.sh`, { cwd: folder, runs: 1 }));
    const blobs = blobsOf(folder);
    rmSync(join(folder, "cache"), { recursive: true, force: true });
    await take("cold", () => build(folder));
    await take("warm", () => build(folder));
    await take("verified", () => build(folder, "--verify"));
    const layers = join(folder, "cache/layers/sha256");
    const tars = readdirSync(layers).map((name) => join(layers, name, "layer.tar"));
    const out = join(folder, "floor");
    mkdirSync(out);
    await take("floorWarm", () => floorOfImage(tars, out));
    await take("floorCold", async () => {
      const unpacked = await floorOfLayers(blobs, out);
      const written = await floorOfImage(tars, out);
      return { seconds: unpacked.seconds + written.seconds, peakMiB: 0 };
    });
    rmSync(out, { recursive: true });
    await take("mke2fs", () =>
      measure("rm -f mke2fs.img; mke2fs -q -t ext4 -d bundle/rootfs mke2fs.img 2G", { cwd: folder, runs: 1 }),
    );
  }
  const img = statSync(join(folder, "bench-rootfs.img")).size;
  execFileSync("e2fsck", ["-fn", join(folder, "bench-rootfs.img")], { stdio: "ignore" });
  console.log(`oci: an image of ${(img / MIB).toFixed(0)} MiB from a registry on this machine, medians of ${RUNS}`);
  const of = (name: string): Measurement => ({
    seconds: median((runs[name] ?? []).map(({ seconds }) => seconds)),
    peakMiB: median((runs[name] ?? []).map(({ peakMiB }) => peakMiB)),
  });
  row("shell pipeline", of("shell"), stepsOf(folder));
  for (const [name, floor] of [
    ["cold", "floorCold"],
    ["warm", "floorWarm"],
  ] as const) {
    const against = (other: string): number =>
      median((runs[other] ?? []).map(({ seconds }, i) => (runs[name]?.[i]?.seconds ?? 0) / seconds));
    const shell = ratio(`oci: ${name} / shell`, against("shell"));
    const own = ratio(`oci: ${name} / floor`, against(floor));
    row(`fledge build, ${name} store`, of(name), `${shell} times the shell, ${own} times the floor`);
    row("  its floor: the same bytes, nothing between", of(floor));
  }
  const verified = ratio("oci: with --verify / without, warm", of("verified").seconds / of("warm").seconds);
  row("fledge build --verify, warm store", of("verified"), `${verified} times the build`);
  row("mke2fs -d, from the unpacked tree", of("mke2fs"));
  rmSync(join(folder, "cache"), { recursive: true });
  writeConfig(folder, { image: `${registry.host}/bench/small:1` });
  row("memory: the small image, cold store", build(folder));
  row("memory: the small image, warm store", build(folder));
}

function build(folder: string, flags = ""): Measurement {
  rmSync(join(folder, "bench-rootfs.img"), { force: true });
  return measure(`${process.execPath} ${CLI} build -q ${flags} --cache-dir cache 2>/dev/null`, {
    cwd: folder,
    runs: 1,
  });
}

function manyFiles(folder: string): void {
  const members = Array.from({ length: FILES }, (_, i) =>
    member({ name: `var/lib/many/file-${i}`, data: Buffer.alloc(1024, i), mtime: 1_700_000_000 + i }),
  );
  const program = member({ name: "bin/true", mode: 0o755, data: readFileSync("/bin/busybox") });
  writeFileSync(join(folder, "many.tar"), Buffer.concat([program, ...members, END]));
  writeConfig(folder, { tar: "many.tar" });
  row(`${FILES} files in one folder, cold store`, build(folder));
  row(`${FILES} files in one folder, warm store`, build(folder));
}

function writeConfig(folder: string, source: object): void {
  const manifest = { workload: { entrypoint: ["/bin/true"], baseUrl: "http://127.0.0.1:80" } };
  const config = { name: "bench", strategy: "oci_rootfs", source, manifest };
  writeFileSync(join(folder, "fledge.config.mjs"), `export default ${JSON.stringify(config)};\n`);
}

/** The layer blobs that skopeo has fetched. */
function blobsOf(folder: string): string[] {
  const blobs = join(folder, "oci/blobs/sha256");
  return readdirSync(blobs)
    .map((name) => join(blobs, name))
    .filter((path) => readFileSync(path).subarray(0, 2).equals(Buffer.from("1f8b", "hex")));
}

function stepsOf(folder: string): string {
  return readFileSync(join(folder, "steps"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([name, from, to]) => `${name} ${(Number(to) - Number(from)).toFixed(1)}`)
    .join(", ");
}
