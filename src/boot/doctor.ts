import { isFledgeError } from "../lib/errors.ts";
import type { RequirementCheck } from "../lib/process/requirements.ts";
import { requireTool } from "../lib/process/tools.ts";
import type { Diagnosis, Finding } from "../pipeline/doctor.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import type { Surroundings } from "./contract.ts";
import { checkBusybox } from "./initramfs.ts";
import { findKernel } from "./kernel.ts";
import type { BootPlanOptions } from "./plan.ts";
import { QEMU, qemu } from "./qemu/index.ts";

/** Whether guests can be booted on this machine, and what runs them. It boots one for two seconds to know of KVM. */
export async function diagnoseBoot(
  options: Pick<BootPlanOptions, "env" | "signal" | "cacheDir"> = {},
): Promise<Diagnosis> {
  const { env = process.env, signal = new AbortController().signal } = options;
  const around = { env, signal, cacheDir: resolveCacheDir(env, options.cacheDir) };
  const program = look("tool", QEMU.name, QEMU.reason, () => requireTool(QEMU, env));
  const kernel = look("kernel", "a kernel", "boot the guest with", () => {
    const { path, from } = findKernel(undefined, env);
    return from === "this machine's" ? `${path}, this machine's own: Volant's is another (--kernel)` : path;
  });
  const busybox = look("tool", "busybox", "load drivers in the guest, and start what is on a disk", () =>
    checkBusybox(around),
  );
  const needed = [program, kernel, busybox];
  const acceleration = program.isMet && kernel.isMet ? [await lookAtAccelerator(around)] : [];
  const findings = [...needed, ...acceleration];
  return { subject: "fledge boot, fledge test", findings, canRun: needed.every(({ isMet }) => isMet) };
}

async function lookAtAccelerator(around: Surroundings): Promise<Finding> {
  const { accelerator, why } = await qemu.probe(findKernel(undefined, around.env).path, around);
  return {
    ...{ kind: "acceleration", what: "KVM", reason: "run guests at full speed", isNeeded: false },
    ...(accelerator === "kvm"
      ? { isMet: true, found: "a guest was booted with it" }
      : { isMet: false, problem: why ?? "", instead: "guests are emulated, which is slow" }),
  };
}

function look(kind: RequirementCheck["kind"], what: string, reason: string, find: () => string): Finding {
  const need = { kind, what, reason, isNeeded: true };
  try {
    return { ...need, isMet: true, found: find() };
  } catch (error) {
    if (!isFledgeError(error)) throw error;
    const { message, hint } = error;
    return { ...need, isMet: false, problem: message, ...(hint !== undefined && { fix: hint }) };
  }
}
