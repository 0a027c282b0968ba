import { readFileSync } from "node:fs";
import { FledgeError } from "../../lib/errors.ts";
import { singleQuoted } from "../../rootfs/edit/env.ts";

/** What the guest's init runs once everything is mounted. */
export type InitOptions = {
  /** An absolute path in the guest. */
  readonly run: string;
  /** `exec`: it replaces the init as PID 1. `child`: the guest powers off when it ends. */
  readonly how: "exec" | "child";
};

const TEMPLATE = new URL("../../../templates/init/init.sh", import.meta.url);

/**
 * The text of `/init` for an initramfs that has BusyBox at `/bin/busybox`; the file's mode is 0755.
 * Throws a `config` error for a path that the guest cannot run.
 */
export function renderInit(options: InitOptions): string {
  if (!options.run.startsWith("/")) {
    throw new FledgeError("config", `the init cannot run "${options.run}": it is not an absolute path of the guest`);
  }
  if (/[\0\r\n]/.test(options.run)) {
    const shown = JSON.stringify(options.run);
    throw new FledgeError("config", `the init cannot run ${shown}: its path has a line break or a NUL`);
  }
  const template = readFileSync(TEMPLATE, "utf8");
  return setLine(setLine(template, "FLEDGE_RUN", options.run), "FLEDGE_HOW", options.how);
}

function setLine(script: string, name: string, value: string): string {
  const line = new RegExp(`^${name}='.*'$`, "m");
  if (!line.test(script)) throw new FledgeError("internal", `templates/init/init.sh has no line ${name}='...'`);
  // A function as replacement: "$&" and its kind in a path mean nothing here.
  return script.replace(line, () => `${name}=${singleQuoted(value)}`);
}
