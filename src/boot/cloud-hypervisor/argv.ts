import type { Capability, MachineSpec } from "../contract.ts";

/**
 * The arguments of Cloud Hypervisor for a guest (cloud-hypervisor --help): no device but a serial port and a disk. It has
 * no user network, and what a guest writes to a disk stays there.
 */
export function cloudHypervisorArgs(
  spec: MachineSpec,
  { wantsImageType = false }: Pick<Capability, "wantsImageType">,
  socket: string,
): string[] {
  const type = wantsImageType ? ",image_type=raw" : "";
  return [
    ["--api-socket", `path=${socket}`],
    ["--kernel", spec.kernel],
    spec.initramfs === undefined ? [] : ["--initramfs", spec.initramfs],
    ["--cmdline", spec.commandLine],
    ["--cpus", `boot=${spec.cpus}`],
    ["--memory", `size=${spec.memoryMb}M`],
    spec.disk === undefined ? [] : ["--disk", `path=${quoted(spec.disk.path)}${type}`],
    ["--serial", "tty", "--console", "off"],
  ].flat();
}

/** A value with a comma in it is in double quotes. */
function quoted(value: string): string {
  return value.includes(",") ? `"${value}"` : value;
}
