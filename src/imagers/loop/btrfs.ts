import { SIZES } from "../sizes.ts";
import { cutLabel, type LoopFilesystem } from "./filesystem.ts";

const MIB = 2 ** 20;
const SECTOR_BYTES = 4096;
const LABEL_BYTES = 255;
/** The kernel resizes to nothing smaller (`btrfs_ioctl_resize`). */
const MIN_RESIZED_BYTES = 256 * MIB;

/**
 * mkfs.btrfs refuses a UUID that any block device of the machine has, as that of an earlier build does which is mounted
 * somewhere. So it is shown no devices.
 */
const WITHOUT_DEVICES = 'mount --bind /dev/null /proc/partitions; exec "$@"';

/**
 * Mixed block groups: data and metadata share the space, so an image can fit its tree; apart, each kind holds on to whole
 * chunks and a tree of 1.1 GiB takes 1.7 instead of 1.2 GiB. They are also what btrfs advises below 1 GiB.
 */
export const btrfs: LoopFilesystem = {
  type: "btrfs",
  tools: [
    { name: "mkfs.btrfs", reason: "make the btrfs image", package: "btrfs-progs" },
    { name: "btrfs", reason: "bring the btrfs image to its size", package: "btrfs-progs" },
  ],
  mountOptions: "defaults",
  readOptions: "defaults",
  // A target is one inline extent in a leaf.
  limits: { targetBytes: 3949, majors: 2 ** 12, minors: 2 ** 20, earliestSec: -(2 ** 53), latestSec: 2 ** 53 },
  minBytes: SIZES.btrfs.minBytes,
  sizeFor: (usage, freeBytes) => {
    const { inodes, extents, smallFiles, smallBytes, names, nameBytes, targetBytes, xattrs, xattrBytes } = usage;
    const dataBlocks = usage.dataBlocks - smallFiles;
    const items =
      inodes * 185 + // inode item
      names * (35 + 2 * 55) +
      3 * nameBytes + // back reference, and two entries of the directory
      extents * (78 + 78) + // of the file, and of the extent tree
      dataBlocks * 4 + // checksums
      targetBytes +
      smallBytes +
      xattrs * 55 +
      xattrBytes;
    // Leaves are half full at worst; the kernel keeps a reserve and refuses to fill the last of what is free.
    const bytes = dataBlocks * SECTOR_BYTES + 2 * items + freeBytes;
    return Math.ceil(bytes * 1.01) + 12 * MIB;
  },
  mkfs: ({ image, sizeBytes, label, uuid }) => ({
    tool: "unshare",
    argv: [
      ...["--mount", "--propagation", "private", "--", "sh", "-euc", WITHOUT_DEVICES, "sh", "mkfs.btrfs"],
      ...["--quiet", "--force", "--nodiscard", "--mixed"],
      ...["--metadata", "single", "--data", "single"],
      ...["--nodesize", String(SECTOR_BYTES), "--sectorsize", String(SECTOR_BYTES)],
      ...["--byte-count", String(sizeBytes)],
      ...["--uuid", uuid],
      ...["--label", cutLabel(label, LABEL_BYTES)],
      image,
    ],
  }),
  canResize: (fromBytes, toBytes) => Math.min(fromBytes, toBytes) >= MIN_RESIZED_BYTES,
  remakes: true,
  resizeMounted: (sizeBytes, mountPoint) => ({
    tool: "btrfs",
    argv: ["filesystem", "resize", String(sizeBytes), mountPoint],
  }),
  env: { BLKID_FILE: "/dev/null" },
  check: (image) => ({ tool: "btrfs", argv: ["check", "--readonly", image] }),
};
