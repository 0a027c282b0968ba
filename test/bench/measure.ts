import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Measurement = { readonly seconds: number; readonly peakMiB: number };

/** Medians over `runs` of a shell command as a whole process: wall seconds and peak resident memory of its largest process. */
export function measure(command: string, { cwd, runs = 3 }: { cwd: string; runs?: number }): Measurement {
  const samples = Array.from({ length: runs }, () => {
    const report = join(cwd, ".time");
    execFileSync("/usr/bin/time", ["-f", "%e %M", "-o", report, "bash", "-ec", `set -o pipefail; ${command}`], {
      cwd,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [seconds = 0, peakKiB = 0] = readFileSync(report, "utf8").trim().split(" ").map(Number);
    return { seconds, peakMiB: peakKiB / 1024 };
  });
  return { seconds: median(samples.map((s) => s.seconds)), peakMiB: median(samples.map((s) => s.peakMiB)) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Runs a benchmark in a folder of its own that is gone afterwards. */
export async function inTempDir(run: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-bench-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function row(name: string, { seconds, peakMiB }: Measurement, extra = ""): void {
  console.log(
    `  ${name.padEnd(44)} ${seconds.toFixed(2).padStart(7)} s  ${peakMiB.toFixed(0).padStart(5)} MiB  ${extra}`,
  );
}
