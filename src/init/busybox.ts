import { readFileSync } from "node:fs";
import { DEFAULT_BUSYBOX } from "../guest/busybox/options.ts";
import type { Env, Warning } from "../lib/context.ts";
import { findOnPath } from "../lib/process/tools.ts";
import { readElf } from "../rootfs/elf.ts";

/** Where Debian's and Alpine's static BusyBox is, so that a config that names it serves on other machines too. */
const USUAL_PATH = "/bin/busybox";

/** A static BusyBox of this machine for a new project; the one that fledge downloads where there is none. */
export function chooseBusybox(
  env: Env,
  usualPath: string = USUAL_PATH,
): { readonly busybox: string; readonly warnings: readonly Warning[] } {
  const busybox = [usualPath, findOnPath("busybox", env)].find((path) => path !== undefined && isStatic(path));
  if (busybox !== undefined) return { busybox, warnings: [] };
  const warning = {
    message: `this machine has no static BusyBox; the first build downloads ${DEFAULT_BUSYBOX.url} (x86-64 only)`,
    hint: `or sudo apt-get install -y busybox-static, and write ${USUAL_PATH} in its place`,
  };
  return { busybox: DEFAULT_BUSYBOX.url, warnings: [warning] };
}

function isStatic(path: string): boolean {
  try {
    const binary = readFileSync(path);
    const elf = readElf((offset, length) => binary.subarray(offset, offset + length));
    return elf !== undefined && elf.interpreter === undefined;
  } catch {
    return false; // absent, or not for us to read: as good as none
  }
}
