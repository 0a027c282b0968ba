import { accessSync, constants, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../../lib/errors.ts";
import { bootId } from "../../lib/process/owner.ts";
import type { Architecture, Capability, KernelFile, Surroundings } from "../contract.ts";
import { spawnGuest } from "../process.ts";

/** A guest on the processor itself has said something long before. */
const PROBE_MS = 2_000;

type Verdict = { readonly bootId: string; readonly program: string; readonly why: string };

/**
 * Whether KVM works, which only a boot shows: /dev/kvm may be there and hang, or fail. The verdict holds until this
 * machine is restarted.
 */
export async function chooseAccelerator(
  program: string,
  kernel: KernelFile,
  around: Surroundings,
): Promise<Pick<Capability, "accelerator" | "why">> {
  const absent = whyNoDevice(kernel.architecture);
  if (absent !== undefined) return { accelerator: "tcg", why: absent };
  const file = join(around.cacheDir, "boot", "kvm.json");
  const boot = bootId() ?? "";
  const known = verdictIn(file);
  if (known?.bootId === boot && known.program === program) return asCapability(known.why);
  const why = await whyKvmFails(program, kernel, around);
  if (!around.signal.aborted) await remember(file, { bootId: boot, program, why });
  return asCapability(why);
}

function asCapability(why: string): Pick<Capability, "accelerator" | "why"> {
  return why === "" ? { accelerator: "kvm" } : { accelerator: "tcg", why };
}

/** Node's words for them. */
const PROCESSORS: Readonly<Record<Architecture, string>> = { amd64: "x64", arm64: "arm64" };

function whyNoDevice(architecture: Architecture): string | undefined {
  if (process.platform !== "linux") return "KVM is Linux's";
  if (process.arch !== PROCESSORS[architecture]) return `the guest's ${architecture} is not this machine's processor`;
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const isThere = errnoOf(error) === "EACCES";
    return isThere ? "/dev/kvm may not be used by this user (group kvm)" : "there is no /dev/kvm";
  }
}

/** An empty text when the kernel has said something in time. A QEMU that hangs in the kernel is not waited for. */
async function whyKvmFails(
  program: string,
  { path, architecture }: KernelFile,
  { env, signal }: Surroundings,
): Promise<string> {
  const qemu = spawnGuest([program, ...probeArgs(architecture), "-kernel", path], env);
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => {};
  const late = new Promise<string>((resolve) => {
    stop = () => resolve("interrupted");
    signal.addEventListener("abort", stop);
    timer = setTimeout(resolve, PROBE_MS, `/dev/kvm is there, but a guest said nothing within ${PROBE_MS / 1000} s`);
  });
  const spoke = new Promise<string>((resolve) => qemu.stdout.once("data", () => resolve("")));
  const ended = qemu.closed.then(() => `/dev/kvm is there, but fails: ${qemu.said().split("\n")[0] ?? ""}`);
  try {
    return await Promise.race([late, spoke, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    qemu.killNow();
    for (const stream of [qemu.stdout, qemu.qmp, qemu.channel]) stream.destroy();
  }
}

function probeArgs(architecture: Architecture): string[] {
  const [machine, speak] =
    architecture === "amd64" ? ["q35", "console=ttyS0 earlyprintk=ttyS0"] : ["virt", "console=ttyAMA0 earlycon"];
  return [
    ["-machine", machine, "-accel", "kvm", "-cpu", "host", "-m", "256"],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ["-append", `${speak} panic=-1`],
  ].flat();
}

function verdictIn(file: string): Verdict | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Verdict;
  } catch {
    return undefined; // nothing is known yet
  }
}

/** A cache that cannot be written costs a probe each time, and nothing else. */
async function remember(file: string, verdict: Verdict): Promise<void> {
  await mkdir(dirname(file), { recursive: true }).catch(() => {});
  await writeFile(file, JSON.stringify(verdict)).catch(() => {});
}
