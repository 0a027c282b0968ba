import { spawn } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { type Missing, requireTools } from "./requirements.ts";

type Drive = { readonly path: string; readonly format: "raw" | "qcow2"; readonly readonly?: boolean };

type PortForward = { readonly hostPort: number; readonly guestPort: number };

export type BootOptions = {
  readonly initrd: string;
  /** A bzImage; by default the newest of the cloud kernels that test/setup.sh installs. */
  readonly kernel?: string;
  /** Words for the guest's command line, after `console=ttyS0 panic=-1 no_timer_check`. */
  readonly append?: string;
  /**
   * Virtio disks, in order. The cloud kernels have virtio as modules, so that the guest's initramfs has to load
   * them; their ext4 and serial port are built in.
   */
  readonly drives?: readonly Drive[];
  readonly memoryMb?: number;
  readonly timeoutMs?: number;
  /** The guest is stopped as soon as its console matches. */
  readonly until?: RegExp;
  /** Ports of 127.0.0.1 that lead into the guest, over a virtio network card. */
  readonly forwards?: readonly PortForward[];
};

export type BootResult = {
  /** All that the serial port said, with plain line ends. */
  readonly console: string;
  /** The exit code of QEMU; null when it was stopped. */
  readonly exitCode: number | null;
  /** True when the guest powered itself off; false after a restart, a panic, or a match of `until`. */
  readonly poweredOff: boolean;
  readonly durationMs: number;
};

const QEMU = "qemu-system-x86_64";
const TAIL_LINES = 30;

/** Why guests cannot be booted here, for `describeWith`. */
export function requireBoot(): Missing {
  return requireTools(QEMU) ?? (findKernel() === undefined ? "needs a readable kernel: run test/setup.sh" : undefined);
}

/** Boots a guest without a screen, emulated so that it behaves alike everywhere. Rejects on a timeout. */
export async function bootGuest(options: BootOptions): Promise<BootResult> {
  const kernel = options.kernel ?? findKernel();
  if (kernel === undefined) throw new Error("no readable kernel in /boot: run test/setup.sh");
  const startedAt = performance.now();
  const { console, exitCode } = await runQemu(qemuArgs(options, kernel), options);
  return {
    console,
    exitCode,
    poweredOff: exitCode === 0 && /reboot: Power down/.test(console),
    durationMs: Math.round(performance.now() - startedAt),
  };
}

/** The newest bzImage in /boot that this user can read, cloud kernels first (Ubuntu's are for root only). */
export function findKernel(): string | undefined {
  const byVersion = new Intl.Collator("en", { numeric: true });
  return readdirSync("/boot")
    .filter((name) => name.startsWith("vmlinuz-"))
    .sort((a, b) => Number(b.includes("-cloud-")) - Number(a.includes("-cloud-")) || byVersion.compare(b, a))
    .map((name) => `/boot/${name}`)
    .find(isReadable);
}

/** The command line of QEMU for a guest. */
export function qemuArgs(options: BootOptions, kernel: string): string[] {
  return [
    ["-accel", "tcg"],
    ["-cpu", "max"],
    ["-m", String(options.memoryMb ?? 256)],
    ["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"],
    ["-kernel", kernel],
    ["-initrd", options.initrd],
    ["-append", `console=ttyS0 panic=-1 no_timer_check ${options.append ?? ""}`.trim()],
    ...(options.drives ?? []).map(driveArgs),
    options.forwards === undefined ? [] : networkArgs(options.forwards),
  ].flat();
}

function driveArgs(drive: Drive): string[] {
  const readonly = drive.readonly ? "on" : "off";
  // In an option's value a comma is written twice.
  return ["-drive", `if=virtio,file=${drive.path.replaceAll(",", ",,")},format=${drive.format},readonly=${readonly}`];
}

function networkArgs(forwards: readonly PortForward[]): string[] {
  const rules = forwards.map(({ hostPort, guestPort }) => `,hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`);
  return ["-netdev", `user,id=net0${rules.join("")}`, "-device", "virtio-net-pci,netdev=net0"];
}

function runQemu(args: readonly string[], { until, timeoutMs = 180_000 }: BootOptions) {
  return new Promise<{ console: string; exitCode: number | null }>((resolve, reject) => {
    const qemu = spawn(QEMU, args, { stdio: ["ignore", "pipe", "pipe"] });
    let console = "";
    let problems = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      qemu.kill("SIGKILL");
    }, timeoutMs);
    qemu.stdout.setEncoding("utf8").on("data", (text: string) => {
      console += text.replaceAll("\r", "");
      if (until?.test(console)) qemu.kill("SIGKILL");
    });
    qemu.stderr.setEncoding("utf8").on("data", (text: string) => {
      problems += text;
    });
    qemu.once("error", reject);
    qemu.once("close", (exitCode) => {
      clearTimeout(timer);
      const tail = console.split("\n").slice(-TAIL_LINES).join("\n");
      if (timedOut) reject(new Error(`the guest still ran after ${timeoutMs} ms; the end of its console:\n${tail}`));
      else if (exitCode) reject(new Error(`${QEMU} exited with ${exitCode}: ${problems}\n${tail}`));
      else resolve({ console, exitCode });
    });
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
