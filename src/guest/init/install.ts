import { existsSync } from "node:fs";
import { INIT_PATH } from "../../contract/guest-paths.ts";
import { FledgeError } from "../../lib/errors.ts";
import { copyIntoTree } from "../../rootfs/host.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { renderInit } from "./init.ts";
import type { ResolvedInit } from "./options.ts";

/** Puts `/init` into the tree, and with it the project's file that it runs, if it is one. */
export function installInit(rootfs: RootfsTree, init: Exclude<ResolvedInit, { mode: "none" }>): void {
  rootfs.rm(INIT_PATH);
  rootfs.writeFile(INIT_PATH, renderInit({ run: init.run, how: howToRun(init) }), { mode: 0o755 });
  if (init.mode !== "custom" || init.from === undefined) return;
  assertInitFile(init);
  copyIntoTree(rootfs, init.from, init.run, () => ({ mode: 0o755 }));
}

/** Throws a `config` error for a file of the project that is missing. */
export function assertInitFile(init: ResolvedInit): void {
  if (init.mode !== "custom" || init.from === undefined || existsSync(init.from)) return;
  throw new FledgeError("config", `init.path: ${init.from} does not exist`, {
    hint: "a relative path is a file of the project; an absolute one is a program in the guest",
  });
}

/** A program of the guest's own takes over as PID 1, as an image's /sbin/init must; the project's runs as a child. */
function howToRun(init: Exclude<ResolvedInit, { mode: "none" }>): "exec" | "child" {
  if (init.mode === "default") return "exec";
  return (init.exec ?? init.from === undefined) ? "exec" : "child";
}
