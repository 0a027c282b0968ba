import type { Duplex } from "node:stream";
import type { Env } from "../lib/context.ts";
import type { Console } from "./console.ts";

/** A port of this machine's 127.0.0.1 that leads to one of the guest's. */
export type Forward = { readonly hostPort: number; readonly guestPort: number };

/** The processors that fledge boots guests of. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

/** A kernel's file, and the processor that it is for. */
export type KernelFile = { readonly path: string; readonly architecture: Architecture };

/** What a guest finds itself on: a PC with PCI; the least that a kernel with virtio-mmio needs; a machine of arm64's. */
export type Board = "q35" | "microvm" | "virt";

/** What a hypervisor is asked to boot. */
export type MachineSpec = {
  readonly board: Board;
  readonly kernel: string;
  readonly initramfs?: string;
  /** Words of the kernel's command line. */
  readonly commandLine: string;
  /** The first disk. Unless it is kept, what the guest writes is thrown away. */
  readonly disk?: { readonly path: string; readonly isKept: boolean };
  readonly memoryMb: number;
  readonly cpus: number;
  /** Those with host port 0 get a free one. */
  readonly forwards: readonly Forward[];
  /** Whether the guest gets a serial port of virtio besides its console. */
  readonly hasChannel: boolean;
};

/** What runs the guest's instructions: the processor itself, or a program that imitates it. */
export type Accelerator = "kvm" | "tcg";

/** What a hypervisor can do on this machine. */
export type Capability = {
  readonly program: string;
  readonly accelerator: Accelerator;
  /** Why the guest is emulated, if it is. */
  readonly why?: string;
  /** Of Cloud Hypervisor: whether it wants to be told that a disk is raw. */
  readonly wantsImageType?: boolean;
};

/** How a guest came to its end. */
export type Exit = "poweroff" | "reboot" | "panic" | "stopped" | "crashed";

/** A guest while it runs. */
export type Machine = {
  /** The program and its arguments, as they were started. */
  readonly command: readonly string[];
  readonly console: Console;
  readonly forwards: readonly Forward[];
  /** Never rejects. */
  readonly exited: Promise<{ readonly exit: Exit; readonly problem?: string }>;
  /** The other end of the guest's serial port of virtio. */
  readonly channel?: Duplex;
  /** Forwards a port of the guest that is not forwarded yet; from a free one, unless `hostPort` says which. */
  forward(guestPort: number, hostPort?: number): Promise<Forward>;
  /** Whether a program of the guest takes connections at a port that is forwarded. */
  accepts(guestPort: number): Promise<boolean>;
  /** Ends the guest as a power cut would, and waits until nothing of it runs. */
  stop(): Promise<void>;
};

/** What a hypervisor needs of its caller. */
export type Surroundings = { readonly env: Env; readonly signal: AbortSignal; readonly cacheDir: string };

/** A program that runs guests. */
export type Hypervisor = {
  readonly name: "QEMU" | "Cloud Hypervisor";
  /** What its guests have: ports that are forwarded, a serial port of virtio, a disk whose changes it throws away itself. */
  readonly has: { readonly network: boolean; readonly channel: boolean; readonly snapshot: boolean };
  /** Throws a `tool` error when it is not there. */
  probe(kernel: KernelFile, around: Surroundings): Promise<Capability>;
  /** What would be started; nothing is. */
  command(spec: MachineSpec, capability: Capability): readonly string[];
  /** Resolves once all files of the spec are read, but the disk; an abort of the signal ends the guest. */
  start(spec: MachineSpec, capability: Capability, around: Surroundings): Promise<Machine>;
};
