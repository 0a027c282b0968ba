import { hasOption } from "./kernel.ts";
import type { BootPlan } from "./plan.ts";

/** What may be wrong with a guest that says nothing, the likeliest first. */
export function silenceCauses({
  kernel,
  machine,
  subject,
}: Pick<BootPlan, "kernel" | "machine" | "subject">): string[] {
  const { path } = kernel;
  return [
    hasOption(kernel, "SERIAL_8250_CONSOLE") === false
      ? `${path} has no console on a serial port (CONFIG_SERIAL_8250_CONSOLE)`
      : `${path} may have no console on ttyS0 (CONFIG_SERIAL_8250_CONSOLE=y)`,
    `${path} may not be for x86-64, or not be whole`,
    `${machine.memoryMb} MiB may not hold the kernel and ${subject.medium.kind === "initramfs" ? "the unpacked initramfs" : "its first stage"}: --memory gives more`,
  ];
}
