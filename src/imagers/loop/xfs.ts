import { VERSION_BY_V } from "../../lib/process/tools.ts";
import { SIZES } from "../sizes.ts";
import { cutLabel, type LoopFilesystem } from "./filesystem.ts";

const MIB = 2 ** 20;
const BLOCK_BYTES = 4096;
const INODE_BYTES = 512;
const LABEL_BYTES = 12;

/**
 * mkfs.xfs refuses less than 300 MiB since xfsprogs 5.19, and a log of less than 64 MiB since 5.15.
 * xfs grows but never shrinks: it is made for the tree, and what is missing of the headroom is added afterwards.
 */
export const xfs: LoopFilesystem = {
  type: "xfs",
  tools: [
    { name: "mkfs.xfs", reason: "make the xfs image", package: "xfsprogs", version: VERSION_BY_V },
    { name: "xfs_growfs", reason: "give the xfs image its headroom", package: "xfsprogs", version: VERSION_BY_V },
    { name: "xfs_repair", reason: "check the xfs image", package: "xfsprogs", version: VERSION_BY_V },
  ],
  // nouuid: two builds of one tree have the same UUID, and may be mounted at once.
  mountOptions: "nouuid,allocsize=64k",
  readOptions: "nouuid,norecovery",
  // XFS_SYMLINK_MAXLEN, xfs_vn_mknod(), and the range of bigtime.
  limits: { targetBytes: 1023, majors: 2 ** 9, minors: 2 ** 18, earliestSec: -(2 ** 31), latestSec: 16_299_260_424 },
  minBytes: SIZES.xfs.minBytes,
  sizeFor: (
    { inodes, directories, dataBlocks, extents, names, nameBytes, symlinks, xattrs, xattrBytes },
    freeBytes,
  ) => {
    const data = dataBlocks * BLOCK_BYTES + extents * 32;
    const metadata =
      inodes * (INODE_BYTES + 32) + // and its share of the inode trees
      (directories + symlinks) * BLOCK_BYTES +
      2 * (names * 32 + nameBytes) +
      2 * (xattrs * 64 + xattrBytes);
    // Reserved for the refcount and inode trees of each allocation group, and 5 % up to 32 MiB for the kernel itself.
    return Math.ceil((data + metadata + freeBytes) * 1.015) + 64 * MIB + 36 * MIB;
  },
  mkfs: ({ image, sizeBytes, label, uuid }) => ({
    tool: "mkfs.xfs",
    argv: [
      ...["-q", "-K"],
      ...["-b", `size=${BLOCK_BYTES}`],
      ...["-m", `crc=1,finobt=1,reflink=1,rmapbt=0,bigtime=1,inobtcount=1,uuid=${uuid}`],
      ...["-i", `size=${INODE_BYTES},sparse=1`],
      ...["-d", `file,name=${image},size=${sizeBytes}`],
      ...["-s", "size=512"],
      ...["-L", cutLabel(label, LABEL_BYTES)],
    ],
  }),
  canResize: (fromBytes, toBytes) => toBytes > fromBytes,
  remakes: false,
  resizeMounted: (sizeBytes, mountPoint) => ({
    tool: "xfs_growfs",
    argv: ["-D", String(Math.floor(sizeBytes / BLOCK_BYTES)), mountPoint],
  }),
  check: (image) => ({ tool: "xfs_repair", argv: ["-n", "-f", image] }),
};
