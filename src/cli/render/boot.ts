import type { BootEvent, BootReport } from "../../boot/boot.ts";
import { reasonIn } from "../../boot/first-stage.ts";
import { shellQuote } from "../../rootfs/edit/env.ts";
import { bold, cyan, gray, green, line, print, printJson, type Shown, say, shown, yellow } from "../terminal.ts";
import { warningLines } from "./warning.ts";

/** Shows the events of a boot: the guest's console on stdout, all else on stderr; with `json` an event per line. */
export type BootRenderer = {
  readonly onEvent: (event: BootEvent) => void;
  /** What a panic is most often about. */
  panicHint(): string | undefined;
};

export function bootRenderer({ json, quiet }: { readonly json?: boolean; readonly quiet?: boolean }): BootRenderer {
  let own: string | undefined;
  let isShort = false;
  let isVfs = false;
  const tell = (lines: readonly Shown[]): void => {
    if (!quiet) say(lines);
  };
  const show = (event: BootEvent): void => {
    if (event.type === "boot:prepare") {
      say(event.warnings.flatMap(warningLines));
      tell(meansLines(event));
    } else if (event.type === "boot:start") tell([...forwardLines(event), WAITING]);
    else if (event.type === "boot:console") print([shown(event.line)]);
    else if (event.type === "boot:silent") say(silentLines(event));
    else tell([endLine(event.report)]);
  };
  return {
    onEvent(event) {
      if (event.type === "boot:console") {
        own = reasonIn(event.line) ?? own;
        isShort ||= /deadlocked on memory|Out of memory/.test(event.line);
        isVfs ||= /VFS: (Cannot open root|Unable to mount root)/.test(event.line);
      }
      if (json) printJson(event);
      else show(event);
    },
    panicHint: () => own ?? (isShort ? NO_MEMORY : isVfs ? NO_ROOT : undefined),
  };
}

const WAITING = gray`waiting for the first line of the guest; Ctrl-C ends it`;

const NO_MEMORY =
  "the guest has too little memory: --memory gives it more for once, manifest.resources.memoryMb on Volant as well";

const NO_ROOT =
  "the kernel found no root: the initramfs has no /init, or the kernel cannot unpack it (CONFIG_BLK_DEV_INITRD, CONFIG_RD_GZIP and the like)";

/** The command that would run, as a shell takes it. */
export function printCommand(command: readonly string[], { json }: { readonly json?: boolean }): number {
  if (json) printJson(command);
  else print([line`${command.map(shellQuote).join(" ")}`]);
  return 0;
}

function meansLines(event: Extract<BootEvent, { type: "boot:prepare" }>): Shown[] {
  const whose = event.kernelFrom === "this machine's" ? ", this machine's own: Volant's is another (--kernel)" : "";
  const how = event.accelerator === "kvm" ? "with KVM" : `emulated, which is slow: ${event.why ?? ""}`;
  return [line`${green`✔`} kernel ${event.kernel}${whose}`, line`${green`✔`} ${event.hypervisor}, ${how}`];
}

function forwardLines({ forwards }: Extract<BootEvent, { type: "boot:start" }>): Shown[] {
  return forwards.map(
    ({ hostPort, guestPort }) => line`${green`✔`} 127.0.0.1:${hostPort} leads to port ${guestPort} of the guest`,
  );
}

function silentLines({ seconds, causes }: Extract<BootEvent, { type: "boot:silent" }>): Shown[] {
  const head = line`${yellow`warning`} the guest has said nothing for ${seconds} s`;
  return [head, ...causes.map((cause) => line`  ${cyan`hint`} ${cause}`)];
}

const ENDS = {
  poweroff: "powered off",
  reboot: "restarted, which ends it here",
  panic: "panicked",
  stopped: "was stopped",
  crashed: "is gone",
} as const;

function endLine({ exit, durationMs, firstOutputMs }: BootReport): Shown {
  const first = firstOutputMs === undefined ? "without a word" : `first line after ${inSeconds(firstOutputMs)}`;
  return line`the guest ${bold`${ENDS[exit]}`} after ${inSeconds(durationMs)}, ${first}`;
}

/** `1.5 s` */
export function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
