import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import type { Console } from "./console.ts";
import type { Accelerator, Exit, Forward, Hypervisor, Machine } from "./contract.ts";
import { copyDisk, type DiskCopy, type GuestDisk } from "./disk.ts";
import { ExecChannel, type ExecOptions, type ExecResult, POWER_OFF } from "./exec.ts";
import { workloadStatusIn } from "./first-stage.ts";
import { writeInitramfs } from "./initramfs.ts";
import { type BootPlan, type BootPlanOptions, planBoot, specIn } from "./plan.ts";
import { silenceCauses } from "./silence.ts";
import type { BootSubject } from "./subject.ts";

/** What a boot says while it goes on, in order; `fledge boot --json` prints one per line. */
export type BootEvent = { readonly plugin: string } & (
  | {
      readonly type: "boot:prepare";
      readonly kernel: string;
      readonly kernelFrom: string;
      readonly hypervisor: Hypervisor["name"];
      readonly accelerator: Accelerator;
      /** Why the guest is emulated. */
      readonly why?: string;
      readonly warnings: readonly Warning[];
    }
  | { readonly type: "boot:start"; readonly command: readonly string[]; readonly forwards: readonly Forward[] }
  | { readonly type: "boot:console"; readonly line: string }
  | { readonly type: "boot:silent"; readonly seconds: number; readonly causes: readonly string[] }
  | { readonly type: "boot:end"; readonly report: BootReport }
);

/** How a guest's run went. Times are in milliseconds since it was started. */
export type BootReport = {
  readonly exit: Exit;
  /** The line of the kernel's panic. */
  readonly panic?: string;
  /** Of a disk, the status that its workload ended with. */
  readonly workloadStatus?: number;
  /** What the hypervisor said of its own end. */
  readonly problem?: string;
  readonly firstOutputMs?: number;
  /** When the kernel was done, and started the first process. */
  readonly bootMs?: number;
  readonly durationMs: number;
};

/** How to boot, and whom to tell what happens. */
export type BootOptions = BootPlanOptions & { readonly onEvent?: (event: BootEvent) => void };

/** A guest that was booted. To dispose of it stops it. */
export type BootedGuest = Pick<Machine, "command" | "console" | "forwards" | "forward" | "accepts" | "stop"> & {
  readonly name: string;
  readonly accelerator: Accelerator;
  /** The port that its workload answers at, as the manifest has it; else 80. */
  readonly httpPort: number;
  /** What a guest that says nothing may be missing. */
  readonly silenceCauses: readonly string[];
  /** Milliseconds since it was started. */
  elapsedMs(): number;
  /** Never rejects. */
  readonly ended: Promise<BootReport>;
  /** With the option `exec`: runs a program of the guest's. Rejects when the guest ends, and with an `aborted` error. */
  exec(command: readonly string[], options?: ExecOptions & { readonly signal?: AbortSignal }): Promise<ExecResult>;
  /**
   * With the option `exec`: has the guest's processes end, unmounts its disk and ends it, all within a few seconds.
   * Without it, as `stop`.
   */
  powerOff(): Promise<BootReport>;
  /** Of a disk, with the option `readBack`. */
  readonly disk?: GuestDisk;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * Boots what was built on this machine, as Volant would: its command line, its manifest, and of a disk the
 * steps of its agent. The artifact is not written to, unless `keep` says so. Throws a FledgeError when something that a
 * boot needs is missing; an abort ends the guest.
 */
export async function bootArtifact(subject: BootSubject, options: BootOptions = {}): Promise<BootedGuest> {
  return await startPlanned(await planBoot(subject, options), options.onEvent ?? (() => {}));
}

/** The command that `bootArtifact` would run; of a file that it would write first, the name is another one. */
export async function bootCommand(subject: BootSubject, options: BootPlanOptions = {}): Promise<readonly string[]> {
  const plan = await planBoot(subject, options);
  return plan.hypervisor.command(specIn(join(tmpdir(), "fledge-boot-XXXXXX"), plan), plan.capability);
}

async function startPlanned(plan: BootPlan, onEvent: (event: BootEvent) => void): Promise<BootedGuest> {
  const { subject, kernel, capability } = plan;
  const plugin = subject.name;
  const { accelerator, why } = capability;
  const said = { warnings: plan.warnings, ...(why !== undefined && { why }) };
  const { name: hypervisor } = plan.hypervisor;
  const how = { kernel: kernel.path, kernelFrom: kernel.from, hypervisor, accelerator, ...said };
  onEvent({ type: "boot:prepare", plugin, ...how });
  const { machine, disk } = await startMachine(plan);
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  onEvent({ type: "boot:start", plugin, command: machine.command, forwards: machine.forwards });
  const causes = silenceCauses(plan);
  const seen = watchConsole(machine.console, { plugin, elapsedMs, onEvent, causes, accelerator });
  const ended = machine.exited.then(({ exit, problem }) => {
    const why = exit === "crashed" && { problem: problem ?? "" };
    const report = { ...seen.end(), exit, ...why, durationMs: elapsedMs() };
    onEvent({ type: "boot:end", plugin, report });
    return report;
  });
  disk?.endsWith(ended);
  const { console, command, forwards, forward, accepts, stop } = machine;
  return {
    ...{ name: plugin, accelerator, httpPort: portOf(subject), silenceCauses: causes, elapsedMs, ended },
    ...{ console, command, forwards, forward, accepts, stop },
    ...commandsOf(machine, ended, plan.around.signal),
    ...(disk !== undefined && { disk }),
    async [Symbol.asyncDispose]() {
      await stop();
      await disk?.close();
    },
  };
}

function portOf({ manifest }: BootPlan["subject"]): number {
  return manifest === undefined ? 80 : Number(new URL(manifest.workload.base_url).port || 80);
}

type Commands = Pick<BootedGuest, "exec" | "powerOff">;

function commandsOf(machine: Machine, ended: Promise<BootReport>, stopped: AbortSignal): Commands {
  const channel = machine.channel === undefined ? undefined : new ExecChannel(machine.channel, ended);
  return {
    async exec(command, { signal = stopped, ...options } = {}) {
      if (channel !== undefined) return await channel.exec(command, options, AbortSignal.any([signal, stopped]));
      throw new FledgeError("usage", "the guest has no channel to run programs through", { hint: "boot it with exec" });
    },
    async powerOff() {
      // That the guest ends is no answer.
      await channel?.run(POWER_OFF, AbortSignal.timeout(POWER_OFF_MS)).catch(() => {});
      await machine.stop();
      return await ended;
    },
  };
}

/** A guest that does not answer by then is stopped. */
const POWER_OFF_MS = 60_000;

/** Whatever was written for it is gone once QEMU has read it, so that not even a kill leaves something behind. */
async function startMachine(plan: BootPlan): Promise<{ machine: Machine; disk?: DiskCopy }> {
  const { hasStage, isCopied, subject, hypervisor, capability, around } = plan;
  if (!hasStage && !isCopied) return { machine: await hypervisor.start(specIn("", plan), capability, around) };
  const folder = await mkdtemp(join(tmpdir(), "fledge-boot-"));
  let disk: DiskCopy | undefined;
  try {
    const spec = specIn(folder, plan);
    if (isCopied) disk = await copyDisk(subject.artifact, spec.disk?.path ?? "", around.signal);
    if (hasStage) await writeInitramfs(spec.initramfs, subject, plan, around);
    return { machine: await hypervisor.start(spec, capability, around), ...(disk !== undefined && { disk }) };
  } catch (error) {
    await disk?.close();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Watch = {
  readonly plugin: string;
  readonly elapsedMs: () => number;
  readonly onEvent: (event: BootEvent) => void;
  readonly causes: readonly string[];
  readonly accelerator: Accelerator;
};

/** A kernel has said something by then. */
const SILENCE_SECONDS = { kvm: 10, tcg: 30 } as const;

/** What the kernel says right before that (init/main.c). */
const FIRST_PROCESS = /Run \S+ as init process/;

function watchConsole(console: Console, { plugin, elapsedMs, onEvent, causes, accelerator }: Watch) {
  let firstOutputMs: number | undefined;
  let bootMs: number | undefined;
  let workloadStatus: number | undefined;
  const seconds = SILENCE_SECONDS[accelerator];
  const timer = setTimeout(() => {
    if (console.isSilent) onEvent({ type: "boot:silent", plugin, seconds, causes });
  }, seconds * 1000);
  timer.unref();
  const ends = [
    console.onText(() => {
      if (!console.isSilent) firstOutputMs ??= elapsedMs();
    }),
    console.onLine((line) => {
      if (FIRST_PROCESS.test(line)) bootMs ??= elapsedMs();
      workloadStatus = workloadStatusIn(line) ?? workloadStatus;
      onEvent({ type: "boot:console", plugin, line });
    }),
  ];
  return {
    end() {
      clearTimeout(timer);
      for (const end of ends) end();
      const { panic } = console;
      return {
        ...(panic !== undefined && { panic }),
        ...(workloadStatus !== undefined && { workloadStatus }),
        ...(firstOutputMs !== undefined && { firstOutputMs }),
        ...(bootMs !== undefined && { bootMs }),
      };
    },
  };
}
