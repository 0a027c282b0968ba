import type { Board } from "../../src/boot/contract.ts";
import { findKernel } from "../../src/boot/kernel.ts";
import { QEMU, qemu } from "../../src/boot/qemu/index.ts";
import { findOnPath } from "../../src/lib/process/tools.ts";
import { type Missing, requireTools } from "./requirements.ts";

export type GuestOptions = {
  readonly initrd: string;
  /** Words for the guest's command line, after `console=ttyS0 panic=-1`. */
  readonly append?: string;
  /** A raw disk, which is written to. The kernel's drivers for it are modules, which the initramfs has to load. */
  readonly disk?: string;
  readonly memoryMb?: number;
  readonly timeoutMs?: number;
  /** The guest is stopped as soon as its console matches. */
  readonly until?: RegExp;
  readonly board?: Board;
};

export type GuestResult = {
  /** All that the serial port said, with plain line ends. */
  readonly console: string;
  /** True when the guest powered itself off; false after a restart, a panic, or a match of `until`. */
  readonly poweredOff: boolean;
};

const AROUND = { env: process.env, signal: new AbortController().signal, cacheDir: "/nonexistent" };
const TAIL_LINES = 30;

/** The kernel of the guests that tests boot. */
export const KERNEL: string | undefined = await findKernel({ architecture: "amd64" }, { ...AROUND, env: {} }).then(
  ({ path }) => path,
  () => undefined,
);

/** Why guests cannot be booted here, for `describeWith`. */
export function requireBoot(): Missing {
  return (
    requireTools(QEMU.amd64.name) ?? (KERNEL === undefined ? "needs a readable kernel: run test/setup.sh" : undefined)
  );
}

/**
 * Boots an initramfs as it is, with nothing of fledge's around it, emulated so that it behaves alike everywhere. Rejects
 * on a timeout.
 */
export async function bootGuest({ initrd, append = "", disk, until, ...options }: GuestOptions): Promise<GuestResult> {
  const { memoryMb = 256, timeoutMs = 180_000, board = "q35" } = options;
  const program = findOnPath(QEMU.amd64.name, process.env) ?? "";
  const spec = {
    ...{ board, kernel: KERNEL ?? "", initramfs: initrd, memoryMb, cpus: 1, forwards: [], hasChannel: false },
    commandLine: `console=ttyS0 panic=-1 ${append}`.trim(),
    ...(disk !== undefined && { disk: { path: disk, isKept: true } }),
  };
  const machine = await qemu.start(spec, { program, accelerator: "tcg" }, AROUND);
  const said = (): string => machine.console.tail(Number.POSITIVE_INFINITY).join("\n");
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void machine.stop();
  }, timeoutMs);
  machine.console.onText(() => {
    if (until?.test(`${said()}\n`)) void machine.stop();
  });
  const { exit } = await machine.exited;
  clearTimeout(timer);
  const tail = machine.console.tail(TAIL_LINES).join("\n");
  if (isLate) throw new Error(`the guest still ran after ${timeoutMs} ms; the end of its console:\n${tail}`);
  return { console: `${said()}\n`, poweredOff: exit === "poweroff" };
}
