import { type BootReport, bootArtifact, bootCommand } from "../boot/boot.ts";
import { abortedError } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { type BootArgs, bootOptionsOf, timeoutMsOf } from "./boot-options.ts";
import { targetOf } from "./boot-targets.ts";
import { onInterrupt } from "./interrupt.ts";
import { bootRenderer, printCommand } from "./render/boot.ts";

/** The parsed flags of `fledge boot`. */
export type BootCommandArgs = BootArgs & { readonly print?: boolean };

/** Boots what is meant, until it ends or is to. */
export async function runBoot(args: BootCommandArgs): Promise<number> {
  const timeoutMs = timeoutMsOf(args.timeout);
  const flags = bootOptionsOf(args);
  const signal = onInterrupt();
  const { subject, recipe } = await targetOf(args, signal);
  const options = { ...flags, signal, ...(recipe !== undefined && { recipe }) };
  if (args.print) return printCommand(await bootCommand(subject, options), args);
  const renderer = bootRenderer(args);
  const guest = await bootArtifact(subject, { ...options, onEvent: renderer.onEvent });
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => void guest.stop(), timeoutMs);
  const report = await guest.ended;
  clearTimeout(timer);
  if (signal.aborted) throw abortedError(signal);
  return endOf(report, {
    panicHint: renderer.panicHint(),
    timeout: args.timeout,
    silence: guest.console.isSilent ? guest.silenceCauses : [],
  });
}

type EndContext = {
  readonly panicHint: string | undefined;
  readonly timeout: string | undefined;
  readonly silence: readonly string[];
};

/** 0 for a guest that ended by itself, its workload without an error; throws what else became of it. */
function endOf({ exit, panic, problem, workloadStatus = 0 }: BootReport, { panicHint, timeout, silence }: EndContext) {
  if (exit === "panic") throw new FledgeError("stage", `the guest panicked: ${panic}`, { hint: panicHint });
  if (exit === "crashed") throw new FledgeError("stage", `QEMU ended without the guest: ${problem}`);
  const hint = silence.length === 0 ? undefined : `it has said nothing: ${silence.join("; or ")}`;
  if (exit === "reboot" && hint !== undefined) throw new FledgeError("stage", "the guest restarted at once", { hint });
  if (exit === "stopped") {
    throw new FledgeError("stage", `the guest still ran after ${timeout}, and was stopped`, { hint });
  }
  if (workloadStatus === 0) return 0;
  throw new FledgeError("stage", `the workload ended with status ${workloadStatus}`, {
    hint: "the console above says why; manifest.workload says what is started",
  });
}
