import { join } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Env, Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { commandLineWords } from "../volant/command-line.ts";
import { architectureIn, architectureOf } from "./architecture.ts";
import { cloudHypervisor } from "./cloud-hypervisor/index.ts";
import type { Board, Capability, Forward, Hypervisor, MachineSpec, Surroundings } from "./contract.ts";
import { STAGE_FOLDER } from "./first-stage.ts";
import { checkBusybox, needsFirstStage } from "./initramfs.ts";
import { findKernel, hasOption, type Kernel } from "./kernel.ts";
import { checkKernel, consoleOf, driversFor } from "./kernel-needs.ts";
import { type KernelModule, modulesFor } from "./modules.ts";
import { GUEST_NETWORK } from "./network.ts";
import { qemu } from "./qemu/index.ts";
import { type Bootable, type BootSubject, openSubject } from "./subject.ts";

/** What runs guests; "auto" is QEMU. */
export type HypervisorName = "auto" | "qemu" | "cloud-hypervisor";

/** How a guest is booted. Defaults are the manifest's, else 256 MiB and one processor. */
export type BootPlanOptions = {
  /**
   * A kernel's file; default what guest.kernel of the recipe names, else FLEDGE_KERNEL, else the newest kernel in /boot
   * that can be read.
   */
  readonly kernel?: string;
  /** Whose guest.kernel and fledge.lock hold, where a build of it is booted. Default what is booted, if it is a plugin. */
  readonly recipe?: ResolvedPlugin;
  /** Whether fledge.lock has to hold that kernel, as for a build. */
  readonly frozen?: boolean;
  /** Fetch nothing, as for a build. */
  readonly offline?: boolean;
  /** Default "auto". Under Cloud Hypervisor a guest has neither ports nor `exec`. */
  readonly on?: HypervisorName;
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** Ports of the guest, and where on 127.0.0.1 they are reached; 0 stands for any free one. */
  readonly forward?: Readonly<Record<number, number>>;
  /** Write to the disk itself, instead of to a copy that is thrown away. Default false. */
  readonly keep?: boolean;
  /** Have programs run in the guest, through a serial port of virtio that `BootedGuest.exec` needs. Default false. */
  readonly exec?: boolean;
  /** Boot a copy of the disk, which `BootedGuest.disk` reads once the guest has ended. Default false. */
  readonly readBack?: boolean;
  /** Stops the guest; what waits for it rejects with an `aborted` error. */
  readonly signal?: AbortSignal;
  /** Default `process.env`. */
  readonly env?: Env;
  /** Where it is remembered whether KVM works; default as of builds. */
  readonly cacheDir?: string;
};

/** All that is known before a guest is started. */
export type BootPlan = {
  readonly subject: Bootable;
  readonly kernel: Kernel;
  readonly modules: readonly KernelModule[];
  readonly hypervisor: Hypervisor;
  readonly capability: Capability;
  /** All of the machine but what its kernel unpacks. */
  readonly machine: Omit<MachineSpec, "initramfs">;
  /** Whether the kernel unpacks a first stage, which is to be written; else an artifact that is one. */
  readonly hasStage: boolean;
  /** Whether programs can be run in the guest. */
  readonly hasChannel: boolean;
  /** Whether the disk is a copy, which is to be made. */
  readonly isCopied: boolean;
  readonly around: Surroundings;
  readonly warnings: readonly Warning[];
};

/** Looks for all that a boot needs; starts no guest but a probe of KVM. Throws what is missing. */
export async function planBoot(what: BootSubject, options: BootPlanOptions = {}): Promise<BootPlan> {
  const around = surroundingsOf(options);
  const subject = await openSubject(what);
  const { exec: hasChannel = false } = options;
  const hypervisor = options.on === "cloud-hypervisor" ? cloudHypervisor : qemu;
  checkAbilities(hypervisor, options);
  const warnings: Warning[] = [];
  const kernel = await kernelFor(subject, recipeOf(what, options), { options, around, warnings });
  const capability = await hypervisor.probe(kernel, around);
  const board = boardFor(kernel, hypervisor, capability);
  const drivers = driversFor(subject.medium, board, hasChannel);
  checkKernel(kernel, subject.medium, drivers);
  const modules = await modulesFor(kernel, drivers, around);
  const hasStage = needsFirstStage(subject, { modules, hasChannel });
  if (hasStage) checkBusybox(kernel.architecture, around);
  const machine = machineOf(subject, { kernel, board, hasStage, hypervisor, options });
  const isCopied = machine.disk !== undefined && isCopiedFor(hypervisor, options);
  return {
    ...{ subject, kernel, modules, hypervisor, capability, machine, hasStage, hasChannel, isCopied, around, warnings },
  };
}

function surroundingsOf({ env: given = process.env, signal, offline, cacheDir }: BootPlanOptions): Surroundings {
  const env = offline ? { ...given, FLEDGE_OFFLINE: "1" } : given;
  return { env, signal: signal ?? new AbortController().signal, cacheDir: resolveCacheDir(env, cacheDir) };
}

function recipeOf(what: BootSubject, { recipe }: BootPlanOptions): ResolvedPlugin | undefined {
  return recipe ?? (typeof what === "object" && "platform" in what ? what : undefined);
}

type Choice = { readonly options: BootPlanOptions; readonly around: Surroundings; readonly warnings: Warning[] };

async function kernelFor(subject: Bootable, recipe: ResolvedPlugin | undefined, { options, around, warnings }: Choice) {
  const { kernel: given, frozen } = options;
  const architecture = recipe === undefined ? await architectureIn(subject, around) : architectureOf(recipe);
  if (given !== undefined || recipe === undefined) return await findKernel({ given, architecture }, around);
  const { configuredKernel } = await import("./configured-kernel.ts");
  const configured = await configuredKernel(recipe, around, { frozen, warnings });
  return await findKernel({ configured, architecture }, around);
}

function checkAbilities({ name, has }: Hypervisor, { exec, forward = {} }: BootPlanOptions): void {
  const isForwarded = Object.keys(forward).length > 0;
  const lacks =
    exec && !has.channel
      ? "programs cannot be run in it"
      : isForwarded && !has.network
        ? "its ports cannot be reached"
        : undefined;
  if (lacks === undefined) return;
  throw new FledgeError(
    "usage",
    `a guest of ${name} has neither a network nor a channel of fledge's, so that ${lacks}`,
    {
      hint: "boot it with --on qemu",
    },
  );
}

function isCopiedFor({ has }: Hypervisor, { readBack = false, keep = false }: BootPlanOptions): boolean {
  return readBack || (!has.snapshot && !keep);
}

/**
 * The smallest that the kernel can use. An emulated microvm has nothing that tells the kernel how fast its clock is, so
 * that it hangs.
 */
export function boardFor(
  kernel: Kernel,
  { name }: Pick<Hypervisor, "name">,
  { accelerator }: Pick<Capability, "accelerator">,
): Board {
  if (kernel.architecture === "arm64") return "virt";
  const isSmall = name === "QEMU" && accelerator === "kvm" && hasOption(kernel, "VIRTIO_MMIO") === true;
  return isSmall ? "microvm" : "q35";
}

/** The machine of a plan whose first stage, if it has one, and whose copy of the disk are in a folder. */
export function specIn(folder: string, { machine, hasStage, isCopied, subject }: BootPlan) {
  return {
    ...machine,
    initramfs: hasStage ? join(folder, "initramfs") : subject.artifact,
    ...(isCopied && { disk: { path: join(folder, "disk"), isKept: true } }),
  } satisfies MachineSpec;
}

type Parts = {
  readonly kernel: Kernel;
  readonly board: Board;
  readonly hasStage: boolean;
  readonly hypervisor: Hypervisor;
  readonly options: BootPlanOptions;
};

function machineOf(subject: Bootable, { kernel, board, hasStage, hypervisor, options }: Parts): BootPlan["machine"] {
  const { medium, manifest, artifact } = subject;
  return {
    board,
    kernel: kernel.path,
    commandLine: wordsOf(subject, { board, hasStage, hypervisor }).join(" "),
    ...(medium.kind === "rootfs" && { disk: { path: artifact, isKept: options.keep ?? false } }),
    memoryMb: options.memoryMb ?? manifest?.resources.memory_mb ?? 256,
    cpus: options.cpus ?? manifest?.resources.cpu_cores ?? 1,
    forwards: forwardsOf(options.forward ?? {}),
    hasChannel: options.exec ?? false,
  };
}

function wordsOf(
  { name, medium, manifest }: Bootable,
  { board, hasStage, hypervisor: { has } }: Omit<Parts, "kernel" | "options">,
): string[] {
  const words = commandLineWords({
    console: consoleOf(board),
    ...(has.network && { network: { ...GUEST_NETWORK, host: name } }),
    ...(manifest !== undefined && { manifest }),
    ...(medium.kind === "rootfs" && { filesystem: medium.filesystem }),
  });
  return hasStage ? [...words, `rdinit=${STAGE_FOLDER}/init`] : words;
}

function forwardsOf(forward: Readonly<Record<number, number>>): Forward[] {
  return Object.entries(forward).map(([guestPort, hostPort]) => ({ hostPort, guestPort: Number(guestPort) }));
}
