import type { Accelerator, MachineSpec } from "../contract.ts";

/** The descriptor through which QEMU is asked and told things: a socket without a name, so that none is left. */
export const QMP_FD = 3;

/** That of the guest's serial port of virtio, where it has one. */
export const CHANNEL_FD = 4;

/** On a crowded machine the emulated clock is late for the kernel's test of it, which then panics; KVM's is not tested. */
const EMULATED = "no_timer_check";

/**
 * The arguments of QEMU for a guest (qemu-system-x86_64(1)): no device but a serial port, a network card, a disk, and
 * what q35 has. A restart ends it, as it ends the guests of other hypervisors.
 */
export function qemuArgs(spec: MachineSpec, accelerator: Accelerator): string[] {
  return [
    ["-machine", "q35"],
    ["-accel", accelerator],
    ["-cpu", accelerator === "kvm" ? "host" : "max"],
    ["-m", String(spec.memoryMb)],
    ["-smp", String(spec.cpus)],
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ["-chardev", "stdio,id=console,signal=off"],
    ["-serial", "chardev:console"],
    ["-chardev", `socket,id=qmp,fd=${QMP_FD}`],
    ["-mon", "chardev=qmp,mode=control"],
    ["-kernel", spec.kernel],
    spec.initramfs === undefined ? [] : ["-initrd", spec.initramfs.replaceAll(",", ",,")],
    ["-append", accelerator === "tcg" ? `${spec.commandLine} ${EMULATED}` : spec.commandLine],
    spec.disk === undefined ? [] : diskArgs(spec.disk),
    ["-netdev", `user,id=net0${spec.forwards.map((one) => `,hostfwd=${forwardRule(one)}`).join("")}`],
    ["-device", "virtio-net-pci,netdev=net0,romfile="],
    spec.hasChannel ? channelArgs() : [],
  ].flat();
}

function channelArgs(): string[] {
  return [
    ["-chardev", `socket,id=channel,fd=${CHANNEL_FD}`],
    ["-device", "virtio-serial-pci"],
    ["-device", "virtserialport,chardev=channel,name=fledge"],
  ].flat();
}

/** Of a disk that is not kept QEMU writes to a file of its own, which has no name. */
function diskArgs({ path, isKept }: NonNullable<MachineSpec["disk"]>): string[] {
  // In an option's value a comma is written twice.
  const drive = `if=none,id=disk0,format=raw,file=${path.replaceAll(",", ",,")},snapshot=${isKept ? "off" : "on"}`;
  return ["-drive", drive, "-device", "virtio-blk-pci,drive=disk0"];
}

/** As `hostfwd` and `hostfwd_add` take it. */
export function forwardRule({ hostPort, guestPort }: MachineSpec["forwards"][number]): string {
  return `tcp:127.0.0.1:${hostPort}-:${guestPort}`;
}
