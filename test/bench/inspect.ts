import { execFileSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ListedEntry } from "../../src/index.ts";
import { bigLayout, debianLayout } from "../helpers/real-images.ts";
import { ratio } from "./history.ts";
import { inTempDir, type Measurement, measure, median, row } from "./measure.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const MIB = 1024 * 1024;
const RUNS = 5;

/**
 * Looking into a disk, against e2fsprogs' debugfs that lists each of its folders with its inodes, taking turns. fledge
 * looks at the first bytes of each file as well. The disk is in the page cache for both.
 */
export async function benchInspect(): Promise<void> {
  const layouts = { small: await debianLayout(), large: await bigLayout() };
  await inTempDir((folder) => {
    const peaks = Object.entries(layouts).map(([name, layout]) => compare(folder, name, layout));
    const [small = 0, large = 0] = peaks;
    console.log(`  memory of the large one: ${(large / small).toFixed(2)} times that of the small one`);
  });
}

/** Returns the peak of `fledge inspect`, in MiB. */
function compare(folder: string, name: string, layout: string): number {
  const image = build(folder, name, layout);
  const { names, folders } = debugfsCommands(folder, name, image);
  const commands: Readonly<Record<string, string>> = {
    debugfs: `debugfs -f ${name}.debugfs ${image} 2>&1`,
    inspect: `${process.execPath} ${CLI} inspect ${image}`,
    ls: `${process.execPath} ${CLI} ls ${image} -R -l`,
  };
  const runs: Record<string, Measurement[]> = {};
  for (let i = 0; i < RUNS; i++) {
    for (const [what, command] of Object.entries(commands)) {
      runs[what] = [...(runs[what] ?? []), measure(`${command} > out`, { cwd: folder, runs: 1 })];
    }
  }
  const sizeMiB = statSync(join(folder, image)).size / MIB;
  console.log(`inspect: a disk of ${sizeMiB.toFixed(0)} MiB, ${names} names in ${folders} folders, medians of ${RUNS}`);
  const of = (what: string): Measurement => ({
    seconds: median((runs[what] ?? []).map(({ seconds }) => seconds)),
    peakMiB: median((runs[what] ?? []).map(({ peakMiB }) => peakMiB)),
  });
  row("debugfs, ls -l of each folder", of("debugfs"));
  for (const what of ["inspect", "ls"]) {
    const times = median((runs[what] ?? []).map(({ seconds }, i) => seconds / (runs.debugfs?.[i]?.seconds ?? 0)));
    row(`fledge ${what}`, of(what), `${ratio(`inspect: ${what} of a ${name} disk / debugfs`, times)} times as long`);
  }
  return of("inspect").peakMiB;
}

function build(folder: string, name: string, layout: string): string {
  const manifest = { workload: { entrypoint: ["/bin/true"], baseUrl: "http://127.0.0.1:80" } };
  const config = { name, strategy: "oci_rootfs", source: { layout }, manifest };
  writeFileSync(join(folder, "fledge.config.mjs"), `export default ${JSON.stringify(config)};\n`);
  execFileSync(process.execPath, [CLI, "build", "-q", "--cache-dir", "cache"], { cwd: folder, stdio: "ignore" });
  rmSync(join(folder, "cache"), { recursive: true });
  return `${name}-rootfs.img`;
}

/** Number, type and mode, owner, size, date, name: a folder of `ls -l`, but for "." and "..". */
const FOLDER = /^ *(\d+) +4\d{4} .* (?!\.{1,2}$)\S+$/gm;

/** Writes what debugfs is to do, with folders by their numbers, so that it looks up no paths; says how much that is. */
function debugfsCommands(folder: string, name: string, image: string): { names: number; folders: number } {
  const json = execFileSync(process.execPath, [CLI, "ls", image, "-R", "--json"], { cwd: folder, maxBuffer: 1 << 30 });
  const entries = JSON.parse(json.toString()) as ListedEntry[];
  const paths = ["/", ...entries.filter(({ type }) => type === "dir").map(({ path }) => path)];
  const commands = join(folder, `${name}.debugfs`);
  writeFileSync(commands, paths.map((path) => `ls -l "${path}"\n`).join(""));
  const listed = execFileSync("debugfs", ["-f", commands, image], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 30,
  });
  const folders = ["2", ...[...listed.matchAll(FOLDER)].map(([, number]) => number)];
  writeFileSync(commands, folders.map((number) => `ls -l <${number}>\n`).join(""));
  return { names: entries.length, folders: folders.length };
}
