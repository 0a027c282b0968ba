import { INIT_PATH } from "../../contract/guest-paths.ts";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { isProgram, type Objection, whyNotRunnable } from "../../guest/executables.ts";
import { hiddenBy, realPath } from "../../guest/mount-points.ts";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { missingEntrypoint } from "../manifest-input.ts";
import { type BuildState, need, type PlannedStage } from "../planned-stage.ts";
import { isStartedByAgent } from "../workload.ts";

export function checkStage(plugin: ResolvedPlugin): PlannedStage {
  return {
    name: "check",
    phase: "image",
    kind: "stage",
    title: "Check that what the guest is to run can run",
    run: (state, ctx) => {
      const { rootfs } = state;
      if (plugin.strategy === "initramfs") assertInit(rootfs, plugin.platform.architecture);
      warnOfMapped(state, ctx);
      const { words, program, path } = need(state, "command");
      const [name] = words;
      if (name === undefined) throw missingEntrypoint();
      const objection =
        program === undefined
          ? { why: `is in none of ${path.value}`, hint: "write its absolute path" }
          : (whyNotRunnable(rootfs, program, plugin.platform.architecture) ?? whyHidden(plugin, rootfs, program));
      if (objection === undefined) return;
      throw new FledgeError("image", `the workload cannot start: ${shown(name, program)} ${objection.why}`, {
        hint: objection.hint ?? "set manifest.workload.entrypoint to a program that is in the guest",
      });
    },
  };
}

/** What is written and where that leads, if it is not the same. */
function shown(name: string, program: string | undefined): string {
  return program === undefined || program === name ? name : `${name} (${program})`;
}

function whyHidden(plugin: ResolvedPlugin, rootfs: RootfsTree, program: string): Objection | undefined {
  const mountPoint = isStartedByAgent(plugin) ? hiddenBy(realPath(rootfs, program)) : undefined;
  if (mountPoint === undefined) return undefined;
  return {
    why: `is hidden in the guest by the filesystem that is mounted on ${mountPoint} when it boots`,
    hint: "put the program elsewhere, for instance into /usr/local/bin",
  };
}

function assertInit(rootfs: RootfsTree, architecture: string): void {
  const objection = whyNotRunnable(rootfs, INIT_PATH, architecture);
  if (objection === undefined) return;
  throw new FledgeError("image", `the guest cannot boot: ${INIT_PATH} ${objection.why}`, {
    hint: objection.hint ?? `map a program to "${INIT_PATH}", or leave out init.none`,
  });
}

/** A mapped program other than the entrypoint may be a spare part: that it cannot run is a warning. */
function warnOfMapped({ rootfs, mapped = new Map(), plugin }: BuildState, { warn }: RunContext): void {
  const failing = new Map<string, { path: string; objection: Objection }[]>();
  for (const [path, key] of mapped) {
    if (!isMappedProgram(rootfs, path)) continue;
    const objection = whyNotRunnable(rootfs, path, plugin.platform.architecture);
    if (objection === undefined) continue;
    const known = failing.get(key);
    if (known === undefined) failing.set(key, [{ path, objection }]);
    else known.push({ path, objection });
  }
  for (const [key, [first, ...others]] of failing) {
    if (first === undefined) continue;
    const { path, objection } = first;
    const more = others.length > 0 ? `, and so will ${others.length} more of that mapping` : "";
    warn({
      message: `${path} (${key}) will fail to start in the guest: it ${objection.why}${more}`,
      hint: objection.hint,
    });
  }
}

/** A hook may have removed since what was mapped. */
function isMappedProgram(rootfs: RootfsTree, path: string): boolean {
  if (!rootfs.exists(path)) return false;
  const { type, mode } = rootfs.lstat(path);
  return type === "file" && (mode & 0o111) !== 0 && isProgram(rootfs, path);
}
