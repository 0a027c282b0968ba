import { join } from "node:path";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { commandLineWords } from "../volant/command-line.ts";
import type { Capability, Forward, MachineSpec, Surroundings } from "./contract.ts";
import { STAGE_FOLDER } from "./first-stage.ts";
import { checkBusybox, needsFirstStage } from "./initramfs.ts";
import { findKernel, hasOption, type Kernel } from "./kernel.ts";
import { type KernelModule, modulesFor } from "./modules.ts";
import { GUEST_NETWORK } from "./network.ts";
import { qemu } from "./qemu/index.ts";
import { type Bootable, type BootSubject, type Medium, openSubject } from "./subject.ts";

/** How a guest is booted. Defaults are the manifest's, else 256 MiB and one processor. */
export type BootPlanOptions = {
  /** A bzImage or vmlinux; default FLEDGE_KERNEL, else the newest kernel in /boot that can be read. */
  readonly kernel?: string;
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
};

/** Looks for all that a boot needs; starts no guest but a probe of KVM. Throws what is missing. */
export async function planBoot(what: BootSubject, options: BootPlanOptions = {}): Promise<BootPlan> {
  const env = options.env ?? process.env;
  const signal = options.signal ?? new AbortController().signal;
  const around = { env, signal, cacheDir: resolveCacheDir(env, options.cacheDir) };
  const subject = await openSubject(what);
  const kernel = findKernel(options.kernel, env);
  checkCodec(subject.medium, kernel);
  const { exec: hasChannel = false, readBack = false } = options;
  const modules = await modulesFor(kernel, driversFor(subject.medium, hasChannel), around);
  const hasStage = needsFirstStage(subject, { modules, hasChannel });
  if (hasStage) checkBusybox(around);
  const capability = await qemu.probe(kernel.path, around);
  const machine = machineOf(subject, { kernel, hasStage, options });
  const isCopied = readBack && machine.disk !== undefined;
  return { subject, kernel, modules, capability, machine, hasStage, hasChannel, isCopied, around };
}

/** The machine of a plan whose first stage, if it has one, and whose copy of the disk are in a folder. */
export function specIn(folder: string, { machine, hasStage, isCopied, subject }: BootPlan) {
  return {
    ...machine,
    initramfs: hasStage ? join(folder, "initramfs") : subject.artifact,
    ...(isCopied && { disk: { path: join(folder, "disk"), isKept: true } }),
  } satisfies MachineSpec;
}

type Parts = { readonly kernel: Kernel; readonly hasStage: boolean; readonly options: BootPlanOptions };

function machineOf(subject: Bootable, { kernel, hasStage, options }: Parts): BootPlan["machine"] {
  const { medium, manifest, artifact } = subject;
  return {
    kernel: kernel.path,
    commandLine: wordsOf(subject, hasStage).join(" "),
    ...(medium.kind === "rootfs" && { disk: { path: artifact, isKept: options.keep ?? false } }),
    memoryMb: options.memoryMb ?? manifest?.resources.memory_mb ?? 256,
    cpus: options.cpus ?? manifest?.resources.cpu_cores ?? 1,
    forwards: forwardsOf(options.forward ?? {}),
    hasChannel: options.exec ?? false,
  };
}

function wordsOf({ name, medium, manifest }: Bootable, hasStage: boolean): string[] {
  const words = commandLineWords({
    console: "ttyS0",
    network: { ...GUEST_NETWORK, host: name },
    ...(manifest !== undefined && { manifest }),
    ...(medium.kind === "rootfs" && { filesystem: medium.filesystem }),
  });
  return hasStage ? [...words, `rdinit=${STAGE_FOLDER}/init`] : words;
}

function forwardsOf(forward: Readonly<Record<number, number>>): Forward[] {
  return Object.entries(forward).map(([guestPort, hostPort]) => ({ hostPort, guestPort: Number(guestPort) }));
}

function driversFor(medium: Medium, hasChannel: boolean): string[] {
  const devices = ["virtio_pci", "virtio_net", ...(hasChannel ? ["virtio_console"] : [])];
  return medium.kind === "rootfs" ? [...devices, "virtio_blk", medium.filesystem] : devices;
}

/** Kernels say nothing of an initramfs that they cannot unpack, but that there is no root. */
function checkCodec(medium: Medium, kernel: Kernel): void {
  if (medium.kind === "rootfs" || medium.codec === "none") return;
  if (hasOption(kernel, `RD_${medium.codec.toUpperCase()}`) !== false) return;
  throw new FledgeError(
    "usage",
    `the kernel ${kernel.path} cannot unpack an initramfs that is compressed with ${medium.codec}`,
    {
      hint: 'boot another one with --kernel FILE, or build with archive.compression = "gzip"',
    },
  );
}
