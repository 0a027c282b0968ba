import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { abortedError, throwIfAborted } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { pipeThrough } from "../../lib/process/exec.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import { Console } from "../console.ts";
import type { Capability, Exit, Hypervisor, Machine, MachineSpec, Surroundings } from "../contract.ts";
import { spawnGuest } from "../process.ts";
import { apiAt } from "./api.ts";
import { cloudHypervisorArgs } from "./argv.ts";

const CLOUD_HYPERVISOR: Tool = {
  name: "cloud-hypervisor",
  reason: "boot the guest as Volant does",
  instead: "--on qemu; its releases are at https://github.com/cloud-hypervisor/cloud-hypervisor/releases",
};

/** Guests under Cloud Hypervisor, Volant's own. */
export const cloudHypervisor: Hypervisor = {
  name: "Cloud Hypervisor",
  has: { network: false, channel: false, snapshot: false },
  async probe(_kernel, around) {
    const program = requireTool(CLOUD_HYPERVISOR, around.env);
    checkKvm();
    return { program, accelerator: "kvm", wantsImageType: (await helpOf(program, around)).includes("image_type") };
  },
  command: (spec, capability) => commandFor(spec, capability, join(tmpdir(), "fledge-boot-XXXXXX")),
  start,
};

function commandFor(spec: MachineSpec, capability: Capability, folder: string): readonly string[] {
  return [capability.program, ...cloudHypervisorArgs(spec, capability, join(folder, "api.sock"))];
}

/** It emulates nothing. */
function checkKvm(): void {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw new FledgeError("tool", "Cloud Hypervisor needs KVM, and /dev/kvm cannot be used here", {
      hint: "join the group kvm, or boot with --on qemu, which emulates",
      cause,
    });
  }
}

async function helpOf(program: string, { env, signal }: Surroundings): Promise<string> {
  let text = "";
  for await (const part of pipeThrough(program, ["--help"], nothing(), { env, signal })) text += Buffer.from(part);
  return text;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function start(spec: MachineSpec, capability: Capability, { env, signal }: Surroundings): Promise<Machine> {
  throwIfAborted(signal);
  const folder = await mkdtemp(join(tmpdir(), "fledge-boot-"));
  const command = commandFor(spec, capability, folder);
  const child = spawnGuest(command, env);
  const api = apiAt(join(folder, "api.sock"));
  const console = new Console();
  let hasEnded = false;
  let isStopped = false;
  const stop = async (): Promise<void> => {
    isStopped = true;
    await api.shutdown().catch(() => {});
    await child.stop();
  };
  const onAbort = (): void => void stop();
  signal.addEventListener("abort", onAbort);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    console.write(text);
    // It would start the guest again.
    if (console.panic !== undefined && !isStopped) void stop();
  });
  const exited = child.closed.then(async ({ code, problem }) => {
    hasEnded = true;
    signal.removeEventListener("abort", onAbort);
    console.end();
    await rm(folder, { recursive: true, force: true });
    const exit = exitOf(code, isStopped, console.panic);
    const said = problem ?? child.said();
    return { exit, ...(said !== "" && { problem: said }) };
  });
  if (!(await api.running(() => hasEnded)) && !console.lines.length) {
    const { problem = "it ended without a word" } = await exited;
    if (signal.aborted) throw abortedError(signal);
    throw new FledgeError("stage", `Cloud Hypervisor did not start the guest: ${problem}`, {
      hint: "--print shows its command line",
    });
  }
  return { command, console, forwards: [], exited, stop, forward: noNetwork, accepts: noNetwork };
}

function exitOf(code: number | null, isStopped: boolean, panic: string | undefined): Exit {
  if (panic !== undefined) return "panic";
  if (isStopped) return "stopped";
  return code === 0 ? "poweroff" : "crashed";
}

async function noNetwork(): Promise<never> {
  throw new FledgeError("usage", "a guest of Cloud Hypervisor has no network here: it would need a tap of root's", {
    hint: "boot with --on qemu to reach its ports",
  });
}
