import { FledgeError, type Problem } from "../lib/errors.ts";
import type { Board } from "./contract.ts";
import { hasOption, type Kernel } from "./kernel.ts";
import type { Medium } from "./subject.ts";

/** The options of the kernel that its drivers are (Kconfig). */
const OPTIONS: Readonly<Record<string, string>> = {
  ...{ virtio_pci: "VIRTIO_PCI", virtio_mmio: "VIRTIO_MMIO", virtio_net: "VIRTIO_NET" },
  ...{ virtio_blk: "VIRTIO_BLK", virtio_console: "VIRTIO_CONSOLE" },
  ...{ ext4: "EXT4_FS", xfs: "XFS_FS", btrfs: "BTRFS_FS", squashfs: "SQUASHFS", erofs: "EROFS_FS" },
};

const CONSOLES = { ttyS0: "SERIAL_8250_CONSOLE", ttyAMA0: "SERIAL_AMBA_PL011_CONSOLE" } as const;

/** The console of a guest's first serial port, as its kernel calls it. */
export function consoleOf(board: Board): keyof typeof CONSOLES {
  return board === "virt" ? "ttyAMA0" : "ttyS0";
}

/** What of the kernel lets it say something there. */
export function consoleOption(board: Board): string {
  return CONSOLES[consoleOf(board)];
}

/** The drivers that a guest takes: of its devices, and of the filesystem of its disk. */
export function driversFor(medium: Medium, board: Board, hasChannel: boolean): string[] {
  const bus = board === "microvm" ? "virtio_mmio" : "virtio_pci";
  const devices = [bus, "virtio_net", ...(hasChannel ? ["virtio_console"] : [])];
  return medium.kind === "rootfs" ? [...devices, "virtio_blk", medium.filesystem] : devices;
}

/**
 * Throws a `usage` error that names all that a kernel lacks, as far as its configuration is known. Of one whose modules
 * are here its drivers are looked for among them.
 */
export function checkKernel(kernel: Kernel, medium: Medium, drivers: readonly string[]): void {
  const problems: Problem[] = [];
  const need = (option: string, what: string): void => {
    if (hasOption(kernel, option) === false) problems.push({ message: `${what} (CONFIG_${option}=y)` });
  };
  need("BLK_DEV_INITRD", "it unpacks no initramfs");
  // Kernels say nothing of an initramfs that they cannot unpack, but that there is no root.
  if (medium.kind === "initramfs" && medium.codec !== "none") {
    need(`RD_${medium.codec.toUpperCase()}`, `it cannot unpack an initramfs that is compressed with ${medium.codec}`);
  }
  if (kernel.modules === undefined) {
    for (const driver of drivers) {
      const option = OPTIONS[driver];
      if (option !== undefined) need(option, `it has no ${driver} built in, and no modules here`);
    }
  }
  if (problems.length === 0) return;
  throw new FledgeError("usage", `the kernel ${kernel.path} cannot boot this artifact`, {
    problems,
    hint: 'boot another one with --kernel FILE; archive.compression = "gzip" and filesystem.type = "ext4" are what all of them have',
  });
}
