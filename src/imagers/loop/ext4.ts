import { VERSION_BY_V } from "../../lib/process/tools.ts";
import { cutLabel, type LoopFilesystem } from "./filesystem.ts";

const MIB = 2 ** 20;
const BLOCK_BYTES = 4096;
const LABEL_BYTES = 16;
const JOURNAL_MIB = 4;

/** Those of the native writer: what kernels from 5.10 on take. */
const FEATURES =
  "ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

/** ext4 as mke2fs and the kernel write it, then brought to its exact size by resize2fs. */
export function ext4({ journal }: { readonly journal: boolean }): LoopFilesystem {
  const features = journal ? `${FEATURES},has_journal` : FEATURES;
  return {
    type: "ext4",
    tools: [
      { name: "mke2fs", reason: "make the ext4 image", package: "e2fsprogs", version: VERSION_BY_V },
      { name: "e2fsck", reason: "check the ext4 image", package: "e2fsprogs", version: VERSION_BY_V },
      { name: "resize2fs", reason: "bring the ext4 image to its size", package: "e2fsprogs", version: VERSION_BY_V },
    ],
    mountOptions: "defaults",
    readOptions: "noload",
    limits: {
      targetBytes: 4095,
      majors: 2 ** 12,
      minors: 2 ** 20,
      earliestSec: -(2 ** 31),
      latestSec: 2 ** 34 - 2 ** 31 - 1,
    },
    minBytes: 2 * MIB,
    sizeFor: ({ inodes, directories, dataBlocks, names, nameBytes, symlinks, xattrs, xattrBytes }, freeBytes) => {
      const metadata =
        inodes * 256 + 2 * (names * 12 + nameBytes) + (directories + symlinks) * BLOCK_BYTES + xattrs * 64 + xattrBytes;
      const bytes = dataBlocks * BLOCK_BYTES + metadata + Math.min(inodes, xattrs) * BLOCK_BYTES + freeBytes;
      // The kernel keeps a fiftieth, 16 MiB at most, for its own; block groups have their bitmaps.
      return Math.ceil(bytes * 1.04) + (JOURNAL_MIB + 4) * MIB;
    },
    mkfs: ({ image, sizeBytes, inodes, label, uuid, hashSeed }) => ({
      tool: "mke2fs",
      argv: [
        ...["-q", "-F"],
        ...["-O", `none,${features}`],
        ...(journal ? ["-J", `size=${JOURNAL_MIB}`] : []),
        ...["-b", String(BLOCK_BYTES), "-I", "256", "-m", "0", "-N", String(inodes)],
        ...["-E", `nodiscard,lazy_itable_init=0,root_owner=0:0,hash_seed=${hashSeed}`],
        ...["-U", uuid],
        ...["-L", cutLabel(label, LABEL_BYTES)],
        image,
        String(Math.floor(sizeBytes / BLOCK_BYTES)),
      ],
    }),
    canResize: () => true,
    remakes: false,
    resizeOffline: (image, sizeBytes) => [
      // resize2fs asks for a check first; exit code 1 would say that it found something to mend.
      { tool: "e2fsck", argv: ["-f", "-p", image] },
      { tool: "resize2fs", argv: [image, `${Math.floor(sizeBytes / 1024)}K`] },
    ],
    check: (image) => ({ tool: "e2fsck", argv: ["-f", "-n", image] }),
    env: { MKE2FS_CONFIG: "/dev/null", E2FSPROGS_FAKE_TIME: "1" },
  };
}
