import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ratio } from "./history.ts";
import { inTempDir, measure, row } from "./measure.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const MIB = 1024 * 1024;

/** An initramfs of 60 MB and one of 600 MB against `find | cpio | gzip -9` on the same files in the same run. */
export async function benchCpio(): Promise<void> {
  for (const megabytes of [60, 600]) {
    await inTempDir((folder) => {
      makePayload(join(folder, "payload"), megabytes);
      writeConfig(folder);
      console.log(`cpio: ${megabytes} MiB of programs, text and noise`);
      const runs = megabytes > 100 ? 1 : 3;
      const shell = measure(
        "cd payload && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -n -9 > ../shell.cpio.gz",
        {
          cwd: folder,
          runs,
        },
      );
      const fledge = measure(`${process.execPath} ${CLI} build -q 2>/dev/null`, { cwd: folder, runs });
      const size = (file: string): number => statSync(join(folder, file)).size;
      row("find | cpio | gzip -n -9", shell, `${(size("shell.cpio.gz") / MIB).toFixed(1)} MiB`);
      row("fledge build (whole process)", fledge, `${(size("bench.cpio.gz") / MIB).toFixed(1)} MiB`);
      const larger = size("bench.cpio.gz") / size("shell.cpio.gz") - 1;
      const times = ratio(`cpio: ${megabytes} MiB, fledge / shell`, fledge.seconds / shell.seconds);
      console.log(`  ${times} times as long, ${(larger * 100).toFixed(1)} % larger`);
    });
  }
}

/** Real programs of this machine up to the size asked for, with a tenth of incompressible noise and a static /init. */
function makePayload(folder: string, megabytes: number): void {
  mkdirSync(folder);
  let left = megabytes * MIB * 0.9;
  for (let copy = 0; left > 0; copy++) {
    for (const name of readdirSync("/usr/bin")) {
      const path = join("/usr/bin", name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile() || stat.size > left || stat.size < 4096) continue;
      mkdirSync(join(folder, String(copy)), { recursive: true });
      copyFileSync(path, join(folder, String(copy), name));
      left -= stat.size;
    }
    if (copy > 50) break;
  }
  copyFileSync("/bin/busybox", join(folder, "init"));
  writeFileSync(join(folder, "noise"), randomBytes(megabytes * MIB * 0.1));
}

function writeConfig(folder: string): void {
  const config = {
    name: "bench",
    strategy: "initramfs",
    init: { none: true },
    mappings: { "./payload": "/" },
    manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
  };
  writeFileSync(join(folder, "fledge.config.mjs"), `export default ${JSON.stringify(config)};\n`);
}
