import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { ratio } from "./history.ts";
import { inTempDir, median } from "./measure.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = join(ROOT, "dist/cli/main.js");
const RUNS = 10;

/** What a command takes before it does anything: as a multiple of what Node takes to do nothing. */
export async function benchStart(): Promise<void> {
  console.log("\nstart: medians of ten, and how often `node -e 0` fits in");
  await inTempDir((folder) => {
    const build = ["build", "examples/hello", "-o", `${folder}/`, "--cache-dir", join(folder, "cache")];
    const commands: Readonly<Record<string, readonly string[]>> = {
      "node -e 0": ["-e", "0"],
      "--help": [CLI, "--help"],
      version: [CLI, "version"],
      "plan examples/hello-toml": [CLI, "plan", "examples/hello-toml"],
      "plan examples/hello": [CLI, "plan", "examples/hello"],
      "build examples/hello": [CLI, ...build],
    };
    const names = Object.keys(commands);
    // In turn, so that a machine that is busy for a while is so for each of them.
    const rounds = Array.from({ length: RUNS }, () => Object.values(commands).map(secondsOf));
    const medians = names.map((_, index) => median(rounds.map((round) => round[index] ?? 0)));
    names.forEach((name, index) => {
      const seconds = medians[index] ?? 0;
      const times = index === 0 ? "" : ratio(`start: ${name} / node -e 0`, seconds / (medians[0] ?? 1));
      console.log(`  ${name.padEnd(44)} ${seconds.toFixed(3).padStart(7)} s  ${times}`);
    });
  });
}

function secondsOf(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")} failed:\n${stderr}`);
  return (performance.now() - started) / 1000;
}
