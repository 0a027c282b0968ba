import type { ResolvedPlugin } from "../../config/resolve/plugin.ts";
import { isProgram, whyNotRunnable } from "../../guest/executables.ts";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { type Command, commandOf, missingEntrypoint } from "../manifest-input.ts";
import type { Step } from "../step.ts";

export function checkStage(plugin: ResolvedPlugin): Step {
  return {
    name: "check",
    phase: "image",
    kind: "stage",
    title: "Check that what the guest is to run can run",
    run: (state, ctx) => {
      const { rootfs } = state;
      if (plugin.strategy === "initramfs") assertInit(rootfs, plugin.platform.architecture);
      warnOfMapped(plugin, rootfs, ctx);
      const command = commandOf(state);
      const [program] = command.entrypoint;
      if (program === undefined) throw missingEntrypoint();
      const path = findProgram(rootfs, program, command);
      const objection =
        path === undefined
          ? { why: `is in none of ${command.path}`, hint: "write its absolute path" }
          : whyNotRunnable(rootfs, path, plugin.platform.architecture);
      if (objection === undefined) return;
      throw new FledgeError("image", `the workload cannot start: ${program} ${objection.why}`, {
        hint: objection.hint ?? "set manifest.workload.entrypoint to a program that is in the guest",
      });
    },
  };
}

function assertInit(rootfs: RootfsTree, architecture: string): void {
  const objection = whyNotRunnable(rootfs, "/init", architecture);
  if (objection === undefined) return;
  throw new FledgeError("image", `the guest cannot boot: /init ${objection.why}`, {
    hint: objection.hint ?? 'map a program to "/init", or leave out init.none',
  });
}

/** A mapped program other than the entrypoint may be a spare part: that it cannot run is a warning. */
function warnOfMapped({ mappings, platform }: ResolvedPlugin, rootfs: RootfsTree, { warn }: RunContext): void {
  for (const { to, key } of mappings) {
    const failing = programsAt(rootfs, to).flatMap((path) => {
      const objection = whyNotRunnable(rootfs, path, platform.architecture);
      return objection === undefined ? [] : [{ path, ...objection }];
    });
    const [first] = failing;
    if (first === undefined) continue;
    const others = failing.length > 1 ? `, and so will ${failing.length - 1} more of that mapping` : "";
    warn({
      message: `${first.path} (${key}) will fail to start in the guest: it ${first.why}${others}`,
      hint: first.hint,
    });
  }
}

/** Programs at or below a path. Symlinks are passed over: what they lead to is mapped itself, or not of the mapping's. */
function programsAt(rootfs: RootfsTree, path: string): string[] {
  if (!rootfs.exists(path)) return [];
  const { type, mode } = rootfs.lstat(path);
  if (type === "dir")
    return rootfs.readdir(path).flatMap((name) => programsAt(rootfs, `${path.replace(/\/$/, "")}/${name}`));
  return type === "file" && (mode & 0o111) !== 0 && isProgram(rootfs, path) ? [path] : [];
}

/** As execvp(3) does: a name with a slash is a path from the working folder, another the first on PATH that can be run. */
function findProgram(rootfs: RootfsTree, name: string, { workdir, path }: Command): string | undefined {
  if (name.includes("/")) return name.startsWith("/") ? name : `${workdir}/${name}`;
  const folders = path.split(":").filter((folder) => folder.startsWith("/"));
  const found = folders.map((folder) => `${folder}/${name}`).filter((candidate) => rootfs.exists(candidate));
  return found.find((candidate) => isExecutable(rootfs, candidate)) ?? found[0];
}

function isExecutable(rootfs: RootfsTree, path: string): boolean {
  const { type, mode } = rootfs.stat(path);
  return type === "file" && (mode & 0o111) !== 0;
}
