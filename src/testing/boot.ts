import { statSync } from "node:fs";
import { type BootedGuest, type BootReport, bootArtifact } from "../boot/boot.ts";
import type { Forward } from "../boot/contract.ts";
import type { GuestDisk } from "../boot/disk.ts";
import type { ExecOptions, ExecResult } from "../boot/exec.ts";
import type { BootPlanOptions } from "../boot/plan.ts";
import type { BootSubject } from "../boot/subject.ts";
import type { PluginExport } from "../config/define.ts";
import { FledgeError } from "../lib/errors.ts";
import { buildForTest, type TestBuild, type TestBuildOptions } from "./build.ts";
import { waitsOf } from "./waits.ts";

/** What is booted: a config by its path or as it would export it, which is built for it; or what is built already. */
export type TestBootSubject = BootSubject | PluginExport;

/** How it is built, how it is booted, and how long to wait. */
export type TestBootOptions = Omit<BootPlanOptions, "keep" | "readBack"> &
  Pick<TestBuildOptions, "cwd" | "name" | "mode" | "platform"> & {
    /** Run no programs in the guest, so that nothing of a test is in it. Default true: they can be, but under Cloud Hypervisor. */
    readonly exec?: boolean;
    /** Milliseconds that each wait may take that does not say `within`. Default 60,000. */
    readonly timeoutMs?: number;
  };

/** A budget in milliseconds, from now on; times five where the guest is emulated. */
export type Within = { readonly within?: number };

/** A guest to be tested. `await using`, or `powerOff()`, ends it. Waits that fail reject with the end of the console. */
export type TestGuest = {
  readonly console: {
    /**
     * Waits for a line that matches, behind the last match; the line need not have ended. Fails at once when the kernel
     * panics, and when the guest ends.
     */
    waitFor(pattern: RegExp, options?: Within): Promise<RegExpExecArray>;
    /** Whole lines, the last 100,000, without what moves a cursor. */
    readonly lines: readonly string[];
  };
  /** Asks the guest by HTTP until something answers, whatever its status. The port's default is the workload's, else 80. */
  fetch(path: string, options?: RequestInit & Within & { readonly port?: number }): Promise<Response>;
  /** A TCP port of the guest. */
  port(guestPort: number): {
    /** Waits until a program takes connections at it; says where on 127.0.0.1 it is reached. */
    ready(options?: Within): Promise<Forward>;
  };
  /** Runs a program of the guest's, as root. A status other than 0 is no error. */
  exec(command: readonly string[], options?: ExecOptions & Within): Promise<ExecResult>;
  /**
   * Ends the guest, unless it has ended: has its processes end, and unmounts its disk. Without `exec` it is stopped as by
   * a power cut.
   */
  powerOff(): Promise<BootReport>;
  /** Waits for the guest's end by itself. */
  ended(options?: Within): Promise<BootReport>;
  /** What a disk has on it once the guest has ended; read by fledge itself, without a mount. */
  readonly disk: GuestDisk;
  /** The hypervisor's command. */
  readonly command: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
};

const DEFAULT_WITHIN_MS = 60_000;

/**
 * Boots an artifact under QEMU, for a test of any runner's. It is not written to: a disk is copied. Throws what a build
 * and `bootArtifact` throw.
 */
export async function bootForTest(what: TestBootSubject, options: TestBootOptions = {}): Promise<TestGuest> {
  const { timeoutMs = DEFAULT_WITHIN_MS, cwd: _, name: _name, mode: _mode, platform: _platform, ...boot } = options;
  const build = isRecipe(what) ? await buildForTest(what, { ...buildOptions(options), write: true }) : undefined;
  try {
    const defaults = { exec: boot.on !== "cloud-hypervisor", ...(build !== undefined && { recipe: build.plugin }) };
    const guest = await bootArtifact(build?.result ?? (what as BootSubject), { ...defaults, ...boot, readBack: true });
    const signal = boot.signal ?? new AbortController().signal;
    return testGuest(guest, { timeoutMs, signal, build });
  } catch (error) {
    await build?.cleanup();
    throw error;
  }
}

function buildOptions(options: TestBootOptions): TestBuildOptions {
  const keys = ["cwd", "name", "mode", "platform", "env", "cacheDir", "signal"] as const;
  return Object.fromEntries(keys.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]));
}

/** A recipe has no artifact yet, and nobody has resolved its paths. */
function isRecipe(what: TestBootSubject): what is PluginExport | string {
  if (typeof what !== "string") return typeof what !== "object" || !("artifact" in what || "baseDir" in what);
  if (what.endsWith(".manifest.json")) return false;
  return /\.([cm]?[jt]s|toml|json)$/.test(what) || (statSync(what, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

type Context = { readonly timeoutMs: number; readonly signal: AbortSignal; readonly build: TestBuild | undefined };

function testGuest(guest: BootedGuest, { timeoutMs, signal, build }: Context): TestGuest {
  const { command, powerOff, exec } = guest;
  const waits = waitsOf(guest, timeoutMs, signal);
  return {
    console: {
      waitFor: waits.line,
      get lines() {
        return guest.console.lines;
      },
    },
    fetch: waits.answer,
    port: (guestPort) => ({ ready: (within) => waits.port(guestPort, within) }),
    exec: (words, { within, ...options } = {}) =>
      waits.result(`the end of ${words.join(" ")}`, (stop) => exec(words, { ...options, signal: stop }), { within }),
    ended: waits.end,
    get disk() {
      return diskOf(guest);
    },
    ...{ powerOff, command },
    async [Symbol.asyncDispose]() {
      await guest[Symbol.asyncDispose]();
      await build?.cleanup();
    },
  };
}

function diskOf({ disk, name }: BootedGuest): GuestDisk {
  if (disk !== undefined) return disk;
  throw new FledgeError("usage", `${name} has no disk: an initramfs is gone with its guest`);
}
