import type { ResolvedPlugin } from "../contract/plugin.ts";
import { makeWorkdir } from "../guest/workdir.ts";
import type { RunContext } from "../lib/context.ts";
import { commandOf, findProgram } from "./command.ts";
import type { BuildState } from "./planned-stage.ts";

/**
 * Finds the program that the guest is to run, and makes its working folder if there is none. The last that is done to
 * the tree, after all hooks: nothing takes away again what the workload needs.
 */
export function placeWorkload(state: BuildState, { warn }: RunContext): void {
  const { rootfs, plugin } = state;
  const command = commandOf(state);
  const { workdir } = command;
  if (workdir !== undefined && makeWorkdir(rootfs, workdir, { isStartedByAgent: isStartedByAgent(plugin) })) {
    warn({
      message: `the guest has no ${workdir}, in which its workload is to start: made it, as container engines do`,
      hint: "if it was to hold something, map or copy that there; manifest.workload.workdir names another folder",
    });
  }
  const program = findProgram(rootfs, command);
  state.command = { ...command, ...(program !== undefined && { program }) };
}

/** A disk is always the agent's to start; an archive only when its init says so. */
export function isStartedByAgent(plugin: ResolvedPlugin): boolean {
  return plugin.strategy === "oci_rootfs" || plugin.init.mode === "default";
}
