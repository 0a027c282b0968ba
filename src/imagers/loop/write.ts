import { open, rm, stat } from "node:fs/promises";
import type { ArtifactFacts, ImagerContext } from "../../contract/imager.ts";
import { formatSize } from "../../lib/bytes.ts";
import { FledgeError, isFledgeError } from "../../lib/errors.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import { identify } from "../identity.ts";
import { artifactFacts } from "../sink.ts";
import { awaitRelease } from "./devices.ts";
import type { Format, LoopFilesystem } from "./filesystem.ts";
import { type Fitted, fitHeadroom, toBlocks, toBytes } from "./fit.ts";
import { assertStorable } from "./limits.ts";
import { MOUNT_POINT, runCommand, runMounted, textOf } from "./mounted.ts";
import type { ResolvedLoopOptions } from "./options.ts";
import { usageOf } from "./usage.ts";

const MIN_FREE_INODES = 256;
const BYTES_PER_FREE_INODE = 16 * 1024;
/** Those that ext4 keeps for itself, lost+found among them. */
const RESERVED_INODES = 11;
/** How often an image is made anew because the estimate of its size was wrong, and by how much it grows then. */
const ATTEMPTS = 5;
const GROWTH = 1.1;
/** Changes when the same tree is to get other UUIDs. */
const SCHEME = "fledge loop 1";

/**
 * The tree goes through a pipe into tar, which writes it into the mounted image. No symlink of the guest is followed:
 * the filesystem is new and only the child sees it, the archive comes from a sealed tree, in which only folders have
 * names below them, each made by tar itself before what is in it; and tar refuses `..` and absolute names besides.
 * What mke2fs made as lost+found gives way to a lost+found of the tree.
 */
const EXTRACT = `if [ "$1" = own ]; then rmdir ${MOUNT_POINT}/lost+found; fi; tar ${[
  ...["--extract", "--file=-", `--directory=${MOUNT_POINT}`],
  ...["--numeric-owner", "--same-owner", "--same-permissions", "--delay-directory-restore"],
  ...["--xattrs", "'--xattrs-include=*'", "--warning=no-timestamp", "--warning=no-unknown-keyword"],
].join(" ")}`;

/** Makes the image, writes the tree into it, and brings it to its size. */
export async function writeLoop(
  tree: SealedTree,
  image: string,
  { fs, options }: { readonly fs: LoopFilesystem; readonly options: ResolvedLoopOptions },
  ctx: ImagerContext,
): Promise<ArtifactFacts> {
  assertStorable(tree, fs.type, fs.limits);
  const job: Job = { tree, image, fs, options, ctx };
  try {
    await makeFitting(job);
    if (options.preallocate) {
      const { size } = await stat(image);
      await runCommand(fs, { tool: "fallocate", argv: ["--length", String(size), image] }, ctx);
    }
    return await factsOf(image, ctx);
  } finally {
    await awaitRelease(image);
  }
}

type Job = Fitted & { readonly tree: SealedTree };

/** An exact fit with the headroom on top, or the fixed size. */
async function makeFitting(job: Job): Promise<void> {
  const { tree, fs, options, ctx } = job;
  const { sizeBytes: fixed, headroomBytes } = options;
  if (fixed !== undefined) return await makeFixed(job, fixed);
  let sizeBytes = toBlocks(Math.max(fs.minBytes, fs.sizeFor(usageOf(tree), headroomBytes)));
  let mayRemake = fs.remakes;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (await make(job, sizeBytes)) {
      const better = await fitHeadroom(job, sizeBytes);
      if (better === undefined || (better < sizeBytes && !mayRemake)) return;
      mayRemake = false;
      sizeBytes = better;
    } else {
      ctx.log(`${fs.type}: ${formatSize(sizeBytes)} is too little`);
      sizeBytes = toBlocks(sizeBytes * GROWTH);
    }
  }
  throw doesNotFit(sizeBytes, fs);
}

async function makeFixed(job: Job, sizeBytes: number): Promise<void> {
  const { fs } = job;
  if (sizeBytes < fs.minBytes) {
    throw new FledgeError(
      "image",
      `filesystem.size of ${formatSize(sizeBytes)}: ${fs.type} takes ${formatSize(fs.minBytes)} at least`,
    );
  }
  // tar would go on to the last file, and a full btrfs is slow to say so.
  const { dataBlocks, smallFiles } = usageOf(job.tree);
  if (toBlocks(sizeBytes) < toBytes(dataBlocks - smallFiles)) throw doesNotFit(sizeBytes, fs);
  if (!(await make(job, toBlocks(sizeBytes)))) throw doesNotFit(sizeBytes, fs);
}

/** A new image with the tree in it; false when it has no room for it. */
async function make({ tree, image, fs, options, ctx }: Job, sizeBytes: number): Promise<boolean> {
  await rm(image, { force: true });
  await awaitRelease(image);
  const handle = await open(image, "wx", 0o644);
  await handle.truncate(sizeBytes);
  await handle.close();
  const freeInodes = Math.max(MIN_FREE_INODES, Math.ceil(options.headroomBytes / BYTES_PER_FREE_INODE));
  const inodes = tree.inodes.length + freeInodes + RESERVED_INODES;
  const format: Format = { image, sizeBytes, inodes, label: options.label, ...identityOf(tree, options) };
  await runCommand(fs, fs.mkfs(format), ctx);
  const hasLostFound = tree.entries.some(({ path }) => path === "lost+found");
  const argv = [fs.type === "ext4" && hasLostFound ? "own" : "none"];
  const mounting = { image, type: fs.type, options: fs.mountOptions, line: EXTRACT, argv };
  try {
    await textOf(runMounted(mounting, ctx, writeTar(tree, ctx, { sparse: "gnu" })));
    return true;
  } catch (error) {
    if (!isFledgeError(error) || error.code !== "stage") throw error;
    if (error.message.includes("No space left on device")) return false;
    const said = error.message.split(" failed: ").at(-1);
    throw new FledgeError("image", `the tree cannot be written to ${fs.type}: ${said}`, { cause: error });
  }
}

/** The kernel has the image's bytes before the disk does. */
async function factsOf(image: string, ctx: ImagerContext): Promise<ArtifactFacts> {
  const handle = await open(image, "r+");
  await handle.sync();
  await handle.close();
  return await artifactFacts(image, ctx);
}

function doesNotFit(sizeBytes: number, { type }: LoopFilesystem): FledgeError {
  return new FledgeError("image", `the files do not fit in ${formatSize(sizeBytes)} of ${type}`, {
    hint: "raise filesystem.size, or leave it out for an exact fit plus headroom",
  });
}

/** UUID and hash seed, from the tree and the options, as the native ext4 has them. */
function identityOf(tree: SealedTree, options: ResolvedLoopOptions): Pick<Format, "uuid" | "hashSeed"> {
  const journal = options.type !== "ext4" || options.journal;
  const { uuid, hashSeed } = identify(tree, { ...options, journal }, `${SCHEME} ${options.type}`);
  const seed = Buffer.alloc(16);
  for (const [index, word] of hashSeed.entries()) seed.writeUInt32LE(word, index * 4);
  return { uuid: formatUuid(uuid), hashSeed: formatUuid(seed) };
}

function formatUuid(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
