import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bigLayout, TAG } from "../helpers/real-images.ts";
import { startRegistry } from "../helpers/registry.ts";
import { inTempDir, type Measurement, measure, median, row } from "./measure.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const RUNS = 3;

/**
 * A disk to a registry of this machine and back, against skopeo with the image that the disk was made of: unpacked, which
 * both have to compress, and in the blobs that it came in. They take turns, each time at a registry that is empty.
 */
export async function benchPush(): Promise<void> {
  const layout = await bigLayout();
  await inTempDir(async (folder) => {
    const manifest = { workload: { entrypoint: ["/bin/true"], baseUrl: "http://127.0.0.1:80" } };
    const source = { image: `oci:${layout}:${TAG}` };
    const recipe = { name: "bench", strategy: "oci_rootfs", source, manifest };
    writeFileSync(join(folder, "fledge.config.mjs"), `export default ${JSON.stringify(recipe)};\n`);
    run(folder, `${process.execPath} ${CLI} build -q --cache-dir cache`);
    run(folder, `skopeo copy --quiet --dest-decompress oci:${layout}:${TAG} dir:raw`);
    const all: Turn[] = [];
    for (let turn = 0; turn < RUNS; turn++) all.push(await takeTurn(folder, layout));
    const disk = statSync(join(folder, "bench-rootfs.img")).size;
    const layers = Number(execFileSync("du", ["-sb", "raw"], { cwd: folder, encoding: "utf8" }).split("\t")[0]);
    console.log(`push: a disk of ${mib(disk)}, its image unpacked ${mib(layers)}, medians of ${RUNS}`);
    report("fledge push, the build before it counted", "push", all);
    report("  its stage of pushing alone", "pushing", all, ["skopeoPush", "skopeoPushBlobs"]);
    report("skopeo copy, unpacked layers", "skopeoPush", all);
    report("skopeo copy, blobs as they are", "skopeoPushBlobs", all);
    report("fledge pull", "pull", all, ["skopeoPull", "skopeoPullBlobs"]);
    report("skopeo copy, unpacking", "skopeoPull", all);
    report("skopeo copy, blobs as they are", "skopeoPullBlobs", all);
  });
}

type Step = "push" | "pushing" | "skopeoPush" | "skopeoPushBlobs" | "pull" | "skopeoPull" | "skopeoPullBlobs";
type Turn = Readonly<Record<Step, Measurement>>;

async function takeTurn(folder: string, layout: string): Promise<Turn> {
  // skopeo would find the layers that it has pushed before, and push none.
  const [registry, other] = await Promise.all([startRegistry(), startRegistry()]);
  const at = (name: string, { host } = registry): string => `docker://${host}/bench/${name}:1`;
  const skopeo = (...words: string[]): Measurement =>
    timed(folder, `skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false ${words.join(" ")}`);
  try {
    // What a push has noted would save the next one its compressing.
    rmSync(join(folder, "cache/notes"), { recursive: true, force: true });
    const push = timed(
      folder,
      `${process.execPath} ${CLI} push --json --cache-dir cache ${registry.host}/bench/disk:1 >events`,
    );
    const pushing = { seconds: secondsOf(join(folder, "events"), "push"), peakMiB: push.peakMiB };
    const skopeoPush = skopeo("dir:raw", at("raw"));
    const skopeoPushBlobs = skopeo(`oci:${layout}:${TAG}`, at("blobs", other));
    const pull = timed(
      folder,
      `${process.execPath} ${CLI} pull -q --cache-dir pulled/cache ${registry.host}/bench/disk:1 -o pulled`,
    );
    run(folder, "cmp bench-rootfs.img pulled/bench-rootfs.img");
    const skopeoPull = skopeo("--dest-decompress", at("raw"), "dir:unpacked");
    const skopeoPullBlobs = skopeo(at("blobs", other), "oci:blobs:1");
    return { push, pushing, skopeoPush, skopeoPushBlobs, pull, skopeoPull, skopeoPullBlobs };
  } finally {
    await Promise.all([registry.stop(), other.stop()]);
    for (const name of ["pulled", "unpacked", "blobs"]) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** What one has written, the kernel does not write back in the time of the next. */
function timed(folder: string, command: string): Measurement {
  execFileSync("sync");
  return measure(command, { cwd: folder, runs: 1 });
}

function run(cwd: string, command: string): void {
  execFileSync("sh", ["-ec", command], { cwd, stdio: ["ignore", "ignore", "inherit"] });
}

function secondsOf(events: string, stage: string): number {
  const lines = readFileSync(events, "utf8").trimEnd().split("\n");
  const done = lines
    .map((line) => JSON.parse(line))
    .find((event) => event.type === "stage:done" && event.stage === stage);
  return done.durationMs / 1000;
}

function report(name: string, step: Step, all: readonly Turn[], others: readonly Step[] = []): void {
  const ratio = (other: Step): number => median(all.map((turn) => turn[other].seconds / turn[step].seconds));
  const ratios = others.map((other) => `${ratio(other).toFixed(2)} times as fast as ${other}`);
  const of = (key: keyof Measurement): number => median(all.map((turn) => turn[step][key]));
  row(name, { seconds: of("seconds"), peakMiB: of("peakMiB") }, ratios.join(", "));
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
