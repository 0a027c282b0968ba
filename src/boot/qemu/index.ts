import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { abortedError, throwIfAborted } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import { Console } from "../console.ts";
import type {
  Architecture,
  Capability,
  Exit,
  Forward,
  Hypervisor,
  Machine,
  MachineSpec,
  Surroundings,
} from "../contract.ts";
import { type GuestProcess, spawnGuest } from "../process.ts";
import { chooseAccelerator } from "./accelerator.ts";
import { forwardRule, qemuArgs } from "./argv.ts";
import { Qmp } from "./qmp.ts";
import { parseUsernet } from "./usernet.ts";

/** The program for guests of each processor. */
export const QEMU: Readonly<Record<Architecture, Tool>> = {
  amd64: { name: "qemu-system-x86_64", reason: "boot the guest", package: "qemu-system-x86" },
  arm64: { name: "qemu-system-aarch64", reason: "boot a guest of arm64", package: "qemu-system-arm" },
};

/** Guests under QEMU. */
export const qemu: Hypervisor = {
  name: "QEMU",
  has: { network: true, channel: true, snapshot: true },
  async probe(kernel, around) {
    const program = requireTool(QEMU[kernel.architecture], around.env);
    return { program, ...(await chooseAccelerator(program, kernel, around)) };
  },
  command: (spec, { program, accelerator }) => [program, ...qemuArgs(spec, accelerator)],
  start,
};

async function start(spec: MachineSpec, capability: Capability, { env, signal }: Surroundings): Promise<Machine> {
  throwIfAborted(signal);
  const command = qemu.command(spec, capability);
  const child = spawnGuest(command, env);
  const console = new Console();
  child.stdout.setEncoding("utf8").on("data", (text: string) => console.write(text));
  const qmp = new Qmp(child.qmp);
  let isStopped = false;
  const stop = async (): Promise<void> => {
    isStopped = true;
    await child.stop();
  };
  const onAbort = (): void => void stop();
  signal.addEventListener("abort", onAbort);
  const exited = child.closed.then(({ code, problem }) => {
    signal.removeEventListener("abort", onAbort);
    console.end();
    const exit = exitOf({ isStopped, code, reason: qmp.shutdownReason, panic: console.panic });
    const said = problem ?? child.said();
    return { exit, ...(said !== "" && { problem: said }) };
  });
  const forwards = await handshake(qmp, child).catch(async (cause: unknown) => {
    await stop();
    if (signal.aborted) throw abortedError(signal);
    throw notStarted(child.said(), cause);
  });
  return {
    ...{ command, console, forwards, exited, stop },
    ...(spec.hasChannel && { channel: child.channel }),
    forward: (guestPort, hostPort = 0) => addForward(qmp, forwards, { guestPort, hostPort }),
    accepts: (port) => accepts(qmp, forwards, port),
  };
}

type Ending = {
  readonly isStopped: boolean;
  readonly code: number | null;
  readonly reason: string | undefined;
  readonly panic: string | undefined;
};

function exitOf({ isStopped, code, reason, panic }: Ending): Exit {
  if (panic !== undefined) return "panic";
  if (isStopped) return "stopped";
  if (reason === "guest-shutdown") return "poweroff";
  if (reason === "guest-reset") return "reboot";
  return code === 0 ? "stopped" : "crashed";
}

/** The forwards with the ports that they really have. QEMU answers once it has read its kernel and initramfs. */
async function handshake(qmp: Qmp, child: GuestProcess): Promise<Forward[]> {
  const answer = qmp.ask("qmp_capabilities").then(() => qmp.askHuman("info usernet"));
  const ended = child.closed.then(({ problem }) => {
    throw new FledgeError("stage", problem ?? "QEMU has ended");
  });
  return forwardsIn(await Promise.race([answer, ended]));
}

function forwardsIn(usernet: string): Forward[] {
  return parseUsernet(usernet)
    .filter(({ state }) => state === "HOST_FORWARD")
    .map(({ fromPort, toPort }) => ({ hostPort: fromPort, guestPort: toPort }))
    .sort((a, b) => a.guestPort - b.guestPort);
}

function notStarted(said: string, cause: unknown): FledgeError {
  const [, port] = /host forwarding rule 'tcp:127\.0\.0\.1:(\d+)-/.exec(said) ?? [];
  if (port !== undefined) {
    return new FledgeError("stage", `port ${port} of this machine is taken`, {
      hint: "forward another one, or 0 for any that is free",
      cause,
    });
  }
  const why = said === "" ? String(cause) : said;
  return new FledgeError("stage", `QEMU did not start the guest: ${why}`, {
    hint: "--print shows its command line",
    cause,
  });
}

async function addForward(qmp: Qmp, forwards: Forward[], { guestPort, hostPort }: Forward): Promise<Forward> {
  const there = forwards.find((one) => one.guestPort === guestPort);
  if (there !== undefined) return there;
  const refused = await qmp.askHuman(`hostfwd_add net0 ${forwardRule({ guestPort, hostPort })}`);
  const added = forwardsIn(await qmp.askHuman("info usernet")).find((one) => one.guestPort === guestPort);
  if (added === undefined) throw new FledgeError("stage", `QEMU does not forward port ${guestPort}: ${refused.trim()}`);
  forwards.push(added);
  return added;
}

const ANSWER_MS = 1_000;

/**
 * QEMU takes connections itself, whatever the guest does: whether the guest has taken one too is in the state that
 * QEMU's own network shows.
 */
async function accepts(qmp: Qmp, forwards: readonly Forward[], guestPort: number): Promise<boolean> {
  const forward = forwards.find((one) => one.guestPort === guestPort);
  if (forward === undefined) throw new FledgeError("internal", `the guest's port ${guestPort} is not forwarded`);
  const socket = connect(forward.hostPort, "127.0.0.1");
  let isClosed = false;
  socket
    .on("error", () => {})
    .on("close", () => {
      isClosed = true;
    });
  try {
    for (let waited = 0; waited < ANSWER_MS && !isClosed; waited += 50) {
      const text = await qmp.askHuman("info usernet").catch(() => "");
      if (parseUsernet(text).some((one) => one.fromPort === forward.hostPort && one.state === "ESTABLISHED"))
        return true;
      await sleep(50);
    }
    return false;
  } finally {
    socket.destroy();
  }
}
