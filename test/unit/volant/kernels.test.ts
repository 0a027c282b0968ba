import { describe, expect, it } from "vitest";
import { bootWarnings } from "../../../src/volant/kernels.ts";

describe("bootWarnings", () => {
  it("is silent about what the stock kernel boots", () => {
    expect(bootWarnings({ kind: "rootfs", filesystem: "ext4", guestKernel: "stock" })).toEqual([]);
    for (const codec of ["none", "gzip", "xz", "lz4", "zstd"]) {
      expect(bootWarnings({ kind: "initramfs", codec, guestKernel: "stock" })).toEqual([]);
    }
  });

  it.each(["xfs", "btrfs"])("warns of %s, which it does not have", (filesystem) => {
    expect(bootWarnings({ kind: "rootfs", filesystem, guestKernel: "stock" })).toEqual([
      {
        message: `Volant's stock kernel has no ${filesystem}: the guest will not boot`,
        hint: `filesystem.type = "ext4"; or, if the operator's kernel has ${filesystem} and boots with volant.rootfs_fstype=${filesystem}, guest.kernel = "custom"`,
      },
    ]);
  });

  it.each(["squashfs", "erofs"])("warns that %s is read-only besides", (filesystem) => {
    expect(bootWarnings({ kind: "rootfs", filesystem, guestKernel: "stock" })).toMatchObject([
      {
        message: `Volant's stock kernel has no ${filesystem}, and the agent must write a copy of itself into the root, which is read-only: the guest will not boot`,
      },
    ]);
  });

  it("warns of a codec it cannot unpack", () => {
    expect(bootWarnings({ kind: "initramfs", codec: "bzip2", guestKernel: "stock" })).toEqual([
      {
        message: "Volant's stock kernel cannot unpack an initramfs compressed with bzip2: the guest will not boot",
        hint: 'compression = "gzip" (or xz, lz4, zstd); or guest.kernel = "custom" if the operator\'s kernel can',
      },
    ]);
  });

  it("trusts the operator of a custom kernel", () => {
    expect(bootWarnings({ kind: "rootfs", filesystem: "squashfs", guestKernel: "custom" })).toEqual([]);
    expect(bootWarnings({ kind: "initramfs", codec: "bzip2", guestKernel: "custom" })).toEqual([]);
  });
});
