import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { headOf } from "./head.ts";

/** A kernel to boot, and what is known of it. */
export type Kernel = {
  readonly path: string;
  /** How it came to be this one. */
  readonly from: "given" | "FLEDGE_KERNEL" | "this machine's";
  /** As `uname -r` has it; of a bzImage only. */
  readonly release?: string;
  /** The folder of its modules, where this machine has them. */
  readonly modules?: string;
  /** The text of its configuration, where it lies beside it. */
  readonly config?: string;
};

/** What a machine has of kernels and their modules; another one in tests. */
export type KernelPlaces = { readonly boot: string; readonly modules: string };

const PLACES: KernelPlaces = { boot: "/boot", modules: "/lib/modules" };

/** The kernel that is given, that of FLEDGE_KERNEL, or the newest of this machine that can be read. Throws a `tool` error. */
export function findKernel(given: string | undefined, env: Env, places: KernelPlaces = PLACES): Kernel {
  if (given !== undefined) return describeKernel(resolve(given), "given", places);
  if (env.FLEDGE_KERNEL) return describeKernel(resolve(env.FLEDGE_KERNEL), "FLEDGE_KERNEL", places);
  const path = newestKernel(places.boot);
  if (path !== undefined) return describeKernel(path, "this machine's", places);
  throw new FledgeError("tool", `no kernel that this user can read in ${places.boot}; needed to boot the guest`, {
    hint: "--kernel FILE (or FLEDGE_KERNEL), or sudo apt-get install -y linux-image-cloud-amd64 (Ubuntu: linux-image-kvm, and sudo chmod a+r /boot/vmlinuz-*)",
  });
}

/** Whether an option is built into a kernel; undefined where its configuration is not known. */
export function hasOption({ config }: Pick<Kernel, "config">, option: string): boolean | undefined {
  return config === undefined ? undefined : new RegExp(`^CONFIG_${option}=y$`, "m").test(config);
}

/** Those made for guests first: they start sooner and have the least as modules. */
function newestKernel(folder: string): string | undefined {
  const byVersion = new Intl.Collator("en", { numeric: true });
  const isForGuests = (name: string): number => Number(/-(cloud|kvm|virtual)/.test(name));
  return namesIn(folder)
    .filter((name) => name.startsWith("vmlinuz-"))
    .sort((a, b) => isForGuests(b) - isForGuests(a) || byVersion.compare(b, a))
    .map((name) => join(folder, name))
    .find(isReadable);
}

function describeKernel(path: string, from: Kernel["from"], places: KernelPlaces): Kernel {
  const head = headOf(path, HEAD_BYTES, "name a kernel that is there with --kernel");
  const release = releaseOf(head);
  if (release === undefined && head.toString("latin1", 0, 4) !== "\x7fELF") {
    throw new FledgeError("usage", `${path} is no kernel for x86-64: neither a bzImage nor a vmlinux`, {
      hint: "a kernel of Debian's is called /boot/vmlinuz-*, that of a Volant release bzImage",
    });
  }
  const modules = release === undefined ? undefined : join(places.modules, release);
  const config = textOf(join(dirname(path), "kernel.config")) ?? textOf(join(dirname(path), `config-${release}`));
  return {
    path,
    from,
    ...(release !== undefined && { release }),
    ...(modules !== undefined && isReadable(join(modules, "modules.dep")) && { modules }),
    ...(config !== undefined && { config }),
  };
}

/** Enough for the header and the version that it points to. */
const HEAD_BYTES = 64 * 1024;

/** Of a bzImage (Documentation/arch/x86/boot.rst): "HdrS" at 0x202, at 0x20e where the version is, less 0x200. */
function releaseOf(head: Buffer): string | undefined {
  if (head.length < 0x210 || head.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  const start = head.readUInt16LE(0x20e) + 0x200;
  return /^[^\s\0]+/.exec(head.toString("latin1", start, start + 256))?.[0];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // none is installed
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
