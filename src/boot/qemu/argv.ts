import type { Accelerator, Board, MachineSpec } from "../contract.ts";
import { CHANNEL_FD, QMP_FD } from "../descriptors.ts";

type Profile = {
  readonly machine: string;
  /** The processor that is imitated. */
  readonly cpu: string;
  /** How the names of devices of virtio end. */
  readonly bus: "pci" | "device";
  /** What the kernel is told besides, where it is emulated. */
  readonly emulated?: string;
};

/** On a crowded machine the emulated clock is late for the kernel's test of it, which then panics; KVM's is not tested. */
const NO_TIMER_CHECK = "no_timer_check";

const PROFILES: Readonly<Record<Board, Profile>> = {
  q35: { machine: "q35", cpu: "max", bus: "pci", emulated: NO_TIMER_CHECK },
  microvm: { machine: "microvm", cpu: "max", bus: "device", emulated: NO_TIMER_CHECK },
  // Of "max" the pointer authentication is slow, and its large addresses are more than older kernels know.
  virt: { machine: "virt", cpu: "cortex-a72", bus: "pci" },
};

/**
 * The arguments of QEMU for a guest (qemu(1)): no device but a serial port, a network card, a disk, and what the board
 * has. A restart ends it, as it ends the guests of other hypervisors.
 */
export function qemuArgs(spec: MachineSpec, accelerator: Accelerator): string[] {
  const { machine, cpu, bus, emulated } = PROFILES[spec.board];
  const words = accelerator === "tcg" && emulated !== undefined ? [spec.commandLine, emulated] : [spec.commandLine];
  return [
    ["-machine", machine],
    ["-accel", accelerator],
    ["-cpu", accelerator === "kvm" ? "host" : cpu],
    ["-m", String(spec.memoryMb)],
    ["-smp", String(spec.cpus)],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-chardev", "stdio,id=console,signal=off"],
    ["-serial", "chardev:console"],
    ["-chardev", `socket,id=qmp,fd=${QMP_FD}`],
    ["-mon", "chardev=qmp,mode=control"],
    ["-kernel", spec.kernel],
    spec.initramfs === undefined ? [] : ["-initrd", spec.initramfs.replaceAll(",", ",,")],
    ["-append", words.join(" ")],
    spec.disk === undefined ? [] : diskArgs(spec.disk, bus),
    ["-netdev", `user,id=net0${spec.forwards.map((one) => `,hostfwd=${forwardRule(one)}`).join("")}`],
    ["-device", `virtio-net-${bus},netdev=net0${bus === "pci" ? ",romfile=" : ""}`],
    spec.hasChannel ? channelArgs(bus) : [],
  ].flat();
}

function channelArgs(bus: Profile["bus"]): string[] {
  return [
    ["-chardev", `socket,id=channel,fd=${CHANNEL_FD}`],
    ["-device", `virtio-serial-${bus}`],
    ["-device", "virtserialport,chardev=channel,name=fledge"],
  ].flat();
}

/** Of a disk that is not kept QEMU writes to a file of its own, which has no name. */
function diskArgs({ path, isKept }: NonNullable<MachineSpec["disk"]>, bus: Profile["bus"]): string[] {
  // In an option's value a comma is written twice.
  const drive = `if=none,id=disk0,format=raw,file=${path.replaceAll(",", ",,")},snapshot=${isKept ? "off" : "on"}`;
  return ["-drive", drive, "-device", `virtio-blk-${bus},drive=disk0`];
}

/** As `hostfwd` and `hostfwd_add` take it. */
export function forwardRule({ hostPort, guestPort }: MachineSpec["forwards"][number]): string {
  return `tcp:127.0.0.1:${hostPort}-:${guestPort}`;
}
