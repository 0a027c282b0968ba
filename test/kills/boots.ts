import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { commandsWith } from "../helpers/processes.ts";
import type { Run } from "./tally.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Long enough for a guest to run, on a machine that is busy. */
const LONGEST_MS = 8_000;

/** SIGKILL at any moment of a boot: neither QEMU nor a file may be left a second later. */
export async function killBoots({ times, random, tally }: Run): Promise<void> {
  const name = `kills${process.pid}`;
  const cwd = mkdtempSync(join(tmpdir(), "fledge-kills-"));
  writeFileSync(
    join(cwd, "fledge.config.mjs"),
    `export default { name: "${name}", strategy: "initramfs", busybox: { path: "/bin/busybox" },
      init: { path: "./init.sh" } };`,
  );
  writeFileSync(join(cwd, "init.sh"), "#!/bin/sh\nwhile :; do sleep 1; done\n");
  mkdirSync(join(cwd, ".tmp"));
  for (let run = 0; run < times; run++) {
    const env = { ...process.env, TMPDIR: join(cwd, ".tmp"), FLEDGE_CACHE_DIR: join(cwd, "cache") };
    const child = spawn(process.execPath, [CLI, "boot"], { cwd, env, stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("close", resolve));
    await sleep(random(LONGEST_MS));
    if (guestsOf(name).length > 0) tally.count("had a guest that ran");
    child.kill("SIGKILL");
    await ended;
    await sleep(1_000);
    tally.count("killed");
    tally.expect(`guests after kill ${run}`, guestsOf(name), []);
  }
  rmSync(cwd, { recursive: true });
}

/** Processes of QEMU whose guest is called so: its name is on the kernel's command line. */
function guestsOf(name: string): string[] {
  return commandsWith("qemu-system", `:${name}:eth0`);
}
