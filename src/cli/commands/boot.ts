import type { BootReport } from "../../boot/boot.ts";
import { abortedError } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { BootArgs } from "../boot-options.ts";
import type { Command } from "../commands.ts";
import { BOOT_FLAGS, LOCK_FLAGS, MACHINE_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

type Args = BootArgs & { readonly print?: boolean };

const { filter: _filter, ...RECIPE } = READING_FLAGS;

export const boot: Command = {
  meta: { name: "boot", description: "Boot a plugin on this machine, under QEMU, with its console here" },
  args: {
    ...RECIPE,
    targets: {
      ...RECIPE.targets,
      valueHint: "NAME|DIR|FILE",
      description: "Plugin, folder or config to build and boot; or an artifact or a manifest to boot as it is",
    },
    ...BOOT_FLAGS,
    ...MACHINE_FLAGS,
    keep: { type: "boolean", description: "Write to the disk itself instead of a copy that is thrown away" },
    timeout: { type: "string", valueHint: "TIME", description: "Stop the guest after 90s, 5m, ...; exits 1 then" },
    print: { type: "boolean", description: "Print the command that would run, build and boot nothing" },
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
  },
  examples: [
    ["", "the plugin of the config in this folder; Ctrl-C ends it"],
    ["web --forward 8080:80", "then curl http://127.0.0.1:8080/"],
    ["web-rootfs.img --memory 512 --timeout 90s", "an artifact beside its manifest"],
    ["--kernel ./bzImage", "with Volant's own kernel, from one of its releases"],
    ["--print", "QEMU's command line"],
    ["--json | jq -r 'select(.type == \"boot:console\").line'", "for scripts"],
  ],
  run: ({ args }) => runBoot(args as unknown as Args),
};

async function runBoot(args: Args): Promise<number> {
  const [{ bootOptionsOf, timeoutMsOf }, { bootArtifact, bootCommand }, { targetOf }, { onInterrupt }] =
    await Promise.all([
      import("../boot-options.ts"),
      import("../../boot/boot.ts"),
      import("../boot-targets.ts"),
      import("../interrupt.ts"),
    ]);
  const timeoutMs = timeoutMsOf(args.timeout);
  const flags = bootOptionsOf(args);
  const signal = onInterrupt();
  const { bootRenderer, printCommand } = await import("../render/boot.ts");
  const { subject, recipe } = await targetOf(args, signal);
  const options = { ...flags, signal, ...(recipe !== undefined && { recipe }) };
  if (args.print) return printCommand(await bootCommand(subject, options), args);
  const renderer = bootRenderer(args);
  const guest = await bootArtifact(subject, { ...options, onEvent: renderer.onEvent });
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => void guest.stop(), timeoutMs);
  const report = await guest.ended;
  clearTimeout(timer);
  if (options.signal.aborted) throw abortedError(options.signal);
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
