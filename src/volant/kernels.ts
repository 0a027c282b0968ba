import type { Warning } from "../lib/context.ts";
import { assertNever } from "../lib/errors.ts";

/** Whose kernel the guest boots: Volant's own, or one the operator built and vouches for. */
export type GuestKernel = "stock" | "custom";

export type BootMedium =
  | { readonly kind: "rootfs"; readonly filesystem: string; readonly guestKernel: GuestKernel }
  | { readonly kind: "initramfs"; readonly codec: string; readonly guestKernel: GuestKernel };

/** What the kernel that Volant ships has built in; it loads no modules. */
export const STOCK_KERNEL = {
  filesystems: ["ext4"],
  initramfsCodecs: ["none", "gzip", "xz", "lz4", "zstd"],
} as const satisfies Record<string, readonly string[]>;

/** Why the stock guest kernel would not boot this artifact, and what to do; nothing for a custom kernel. */
export function bootWarnings(medium: BootMedium): Warning[] {
  if (medium.guestKernel === "custom") return [];
  switch (medium.kind) {
    case "rootfs":
      return includes(STOCK_KERNEL.filesystems, medium.filesystem) ? [] : [filesystemWarning(medium.filesystem)];
    case "initramfs":
      return includes(STOCK_KERNEL.initramfsCodecs, medium.codec) ? [] : [codecWarning(medium.codec)];
    default:
      return assertNever(medium);
  }
}

const READ_ONLY = new Set(["squashfs", "erofs", "cramfs", "romfs", "iso9660"]);

/** Whether nothing can be written to a filesystem of this type. */
export function isReadOnly(filesystem: string): boolean {
  return READ_ONLY.has(filesystem);
}

function filesystemWarning(filesystem: string): Warning {
  const readOnly = isReadOnly(filesystem)
    ? ", and the agent must write a copy of itself into the root, which is read-only"
    : "";
  return {
    message: `Volant's stock kernel has no ${filesystem}${readOnly}: the guest will not boot`,
    hint:
      `filesystem.type = "ext4"; or, if the operator's kernel has ${filesystem} and boots with ` +
      `volant.rootfs_fstype=${filesystem}, guest.kernel = "custom"`,
  };
}

function codecWarning(codec: string): Warning {
  return {
    message: `Volant's stock kernel cannot unpack an initramfs compressed with ${codec}: the guest will not boot`,
    hint: `compression = "gzip" (or xz, lz4, zstd); or guest.kernel = "custom" if the operator's kernel can`,
  };
}

function includes(list: readonly string[], value: string): boolean {
  return list.includes(value);
}
