import { resolve } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { placeOf } from "../guest/download.ts";
import { kernelIn } from "../guest/kernel/options.ts";
import type { Awaitable } from "../lib/context.ts";
import { isFledgeError } from "../lib/errors.ts";
import type { RequirementCheck } from "../lib/process/requirements.ts";
import { requireTool } from "../lib/process/tools.ts";
import type { Diagnosis, Finding } from "../pipeline/doctor.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { architectureOf } from "./architecture.ts";
import type { Architecture, Surroundings } from "./contract.ts";
import { checkBusybox } from "./initramfs.ts";
import { findKernel, type KernelWish } from "./kernel.ts";
import type { BootPlanOptions } from "./plan.ts";
import { QEMU, qemu } from "./qemu/index.ts";

type Options = Pick<BootPlanOptions, "env" | "signal" | "cacheDir" | "recipe">;

/**
 * Whether guests can be booted on this machine, or those of a recipe, and what runs them. It boots one for two seconds to
 * know of KVM; it fetches nothing.
 */
export async function diagnoseBoot(options: Options = {}): Promise<Diagnosis> {
  const { env = process.env, signal = new AbortController().signal, recipe } = options;
  const around = { env, signal, cacheDir: resolveCacheDir(env, options.cacheDir) };
  const architecture = recipe === undefined ? HOST : architectureOf(recipe);
  const tool = QEMU[architecture];
  const program = await look("tool", tool.name, tool.reason, () => requireTool(tool, env));
  const { configured, toBeFetched } = kernelOf(recipe);
  const wish = { configured, architecture };
  const kernel = await look("kernel", "a kernel", "boot the guest with", async () => {
    if (toBeFetched !== undefined) return `${toBeFetched}, fetched when it is first booted`;
    const { path, from } = await findKernel(wish, around);
    return from === "this machine's" ? `${path}, this machine's own: Volant's is another (--kernel)` : path;
  });
  const busybox = await look("tool", "busybox", "load drivers in the guest, and start what is on a disk", () =>
    checkBusybox(architecture, around),
  );
  const needed = [program, kernel, busybox];
  const canProbe = program.isMet && kernel.isMet && toBeFetched === undefined;
  const acceleration = canProbe ? [await lookAtAccelerator(wish, around)] : [];
  const findings = [...needed, ...acceleration];
  return { subject: "fledge boot, fledge test", findings, canRun: needed.every(({ isMet }) => isMet) };
}

const HOST: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

function kernelOf(recipe: ResolvedPlugin | undefined): { configured?: string; toBeFetched?: string } {
  const kernel = recipe === undefined ? undefined : kernelIn(recipe.guest);
  if (recipe === undefined || kernel === undefined) return {};
  return "path" in kernel ? { configured: resolve(recipe.baseDir, kernel.path) } : { toBeFetched: placeOf(kernel) };
}

async function lookAtAccelerator(wish: KernelWish, around: Surroundings): Promise<Finding> {
  const { accelerator, why } = await qemu.probe(await findKernel(wish, around), around);
  return {
    ...{ kind: "acceleration", what: "KVM", reason: "run guests at full speed", isNeeded: false },
    ...(accelerator === "kvm"
      ? { isMet: true, found: "a guest was booted with it" }
      : { isMet: false, problem: why ?? "", instead: "guests are emulated, which is slow" }),
  };
}

async function look(
  kind: RequirementCheck["kind"],
  what: string,
  reason: string,
  find: () => Awaitable<string>,
): Promise<Finding> {
  const need = { kind, what, reason, isNeeded: true };
  try {
    return { ...need, isMet: true, found: await find() };
  } catch (error) {
    if (!isFledgeError(error)) throw error;
    const { message, hint } = error;
    return { ...need, isMet: false, problem: message, ...(hint !== undefined && { fix: hint }) };
  }
}
