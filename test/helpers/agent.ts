import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Manifest } from "../../src/volant/schema.ts";
import { build } from "./builds.ts";
import { bootGuest, type GuestOptions, type GuestResult, KERNEL, requireBoot } from "./guest.ts";
import { copyModules, requireModules } from "./kernel-modules.ts";
import { type Missing, requireTools } from "./requirements.ts";
import { tempDir } from "./temp.ts";

/** What the agent reads of a manifest. */
type Startable = Pick<Manifest, "workload" | "health_check">;

const SOURCE = fileURLToPath(new URL("./kestrel.c", import.meta.url));

/** For CHECK: `eventually COMMAND...` tries a command until it succeeds, or fails after minutes: guests are slow. */
const EVENTUALLY = `
  eventually() {
    tries=0
    until "$@" 2>/tmp/tried; do
      tries=$((tries + 1))
      if [ $tries -ge 240 ]; then cat /tmp/tried; exit 1; fi
      sleep 1
    done
  }
`;

/** Why what Volant boots cannot be booted here. */
export function requireAgent(): Missing {
  return requireBoot() ?? requireModules(KERNEL ?? "") ?? requireTools("cc", "busybox");
}

/** Compiles the stand-in of Volant's agent (kestrel.c) to `folder`/kestrel. */
export function compileAgent(folder: string): string {
  const path = join(folder, "kestrel");
  execFileSync("cc", ["-static", "-O2", "-o", path, SOURCE]);
  return path;
}

/** What the stand-in finds in /etc/kestrel.spec: a manifest's workload as it is, and what is to be run beside it. */
export function agentSpec({ workload, health_check }: Startable, check: string): string {
  const { entrypoint, env = {}, workdir = "", base_url } = workload;
  const health = health_check?.endpoint ? new URL(health_check.endpoint, base_url).href : "";
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const fields = [EVENTUALLY + check, health, workdir, String(variables.length), ...variables, ...entrypoint];
  return `${fields.join("\0")}\0`;
}

/** Boots a disk as Volant does, with an initramfs of the agent's: the workload as the manifest says, and `check` beside it. */
export async function bootDisk(
  disk: string,
  manifest: Startable,
  check: string,
  options: Partial<GuestOptions> = {},
): Promise<GuestResult> {
  const initrd = await agentInitramfs(agentSpec(manifest, check));
  return await bootGuest({
    ...{ initrd, disk, memoryMb: 512, append: "quiet" },
    ...{ timeoutMs: 1_200_000, until: /pid1 cannot exit; halting/ },
    ...options,
  });
}

/** Boots a disk, of which nothing is expected but that `check` succeeds and the guest ends in order; returns its console. */
export async function askDisk(disk: string, manifest: Startable, check: string): Promise<string> {
  const { console, poweredOff } = await bootDisk(disk, manifest, check);
  if (!poweredOff || !console.includes("check ended with 0\n")) throw new Error(`the check failed:\n${console}`);
  return console;
}

async function agentInitramfs(spec: string): Promise<string> {
  const cwd = tempDir();
  compileAgent(cwd);
  mkdirSync(join(cwd, "modules"));
  const modules = await copyModules(KERNEL ?? "", ["virtio_pci", "virtio_blk"], join(cwd, "modules"));
  // No more than the kernel gives its first process.
  const boot = [...modules.map((file) => `insmod /modules/${file}`), "exec env -i HOME=/ TERM=linux /bin/kestrel"];
  writeFileSync(join(cwd, "boot.sh"), `#!/bin/sh -e\n${boot.join("\n")}\n`);
  writeFileSync(join(cwd, "spec"), spec);
  const { artifact } = await build(
    "boot",
    {
      ...{ name: "boot", strategy: "initramfs", busybox: { path: "/bin/busybox" }, agent: { path: "./kestrel" } },
      ...{ init: { path: "./boot.sh", exec: true } },
      mappings: { "./modules": "/modules", "./spec": "/etc/kestrel.spec" },
    },
    { cwd },
  );
  return artifact;
}
