import { hasOption } from "./kernel.ts";
import { consoleOf, consoleOption } from "./kernel-needs.ts";
import type { BootPlan } from "./plan.ts";

/** Below this a kernel of a distribution has hardly room to unpack itself. */
const SMALL_MIB = 128;

/** What may be wrong with a guest that says nothing, the likeliest first. */
export function silenceCauses({
  kernel,
  machine,
  subject,
}: Pick<BootPlan, "kernel" | "machine" | "subject">): string[] {
  const { path } = kernel;
  const option = consoleOption(machine.board);
  const memory = `${machine.memoryMb} MiB may not hold the kernel and ${subject.medium.kind === "initramfs" ? "the unpacked initramfs" : "its first stage"}: --memory gives more`;
  const others = [
    hasOption(kernel, option) === false
      ? `${path} has no console on a serial port (CONFIG_${option})`
      : `${path} may have no console on ${consoleOf(machine.board)} (CONFIG_${option}=y)`,
    `${path} may not be whole`,
  ];
  return machine.memoryMb < SMALL_MIB ? [memory, ...others] : [...others, memory];
}
