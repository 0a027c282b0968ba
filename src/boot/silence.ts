import type { BootPlan } from "./plan.ts";

/** What may be wrong with a guest that says nothing, the likeliest first. */
export function silenceCauses({ kernel, spec, subject }: Pick<BootPlan, "kernel" | "spec" | "subject">): string[] {
  const { path, config } = kernel;
  const lacks = (option: string): boolean =>
    config !== undefined && !new RegExp(`^CONFIG_${option}=y$`, "m").test(config);
  return [
    lacks("SERIAL_8250_CONSOLE")
      ? `${path} has no console on a serial port (CONFIG_SERIAL_8250_CONSOLE)`
      : `${path} may have no console on ttyS0 (CONFIG_SERIAL_8250_CONSOLE=y)`,
    `${path} may not be for x86-64, or not be whole`,
    `${spec.memoryMb} MiB may not hold the kernel and ${subject.medium.kind === "initramfs" ? "the unpacked initramfs" : "its first stage"}: --memory gives more`,
  ];
}
