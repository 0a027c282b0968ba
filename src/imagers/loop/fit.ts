import { stat, truncate } from "node:fs/promises";
import type { ImagerContext } from "../../contract/imager.ts";
import { formatSize } from "../../lib/bytes.ts";
import { isFledgeError } from "../../lib/errors.ts";
import { awaitRelease } from "./devices.ts";
import type { LoopFilesystem } from "./filesystem.ts";
import { MOUNT_POINT, runCommand, runMounted, textOf } from "./mounted.ts";
import type { ResolvedLoopOptions } from "./options.ts";

export type Fitted = {
  readonly image: string;
  readonly fs: LoopFilesystem;
  readonly options: ResolvedLoopOptions;
  readonly ctx: ImagerContext;
};

const BLOCK_BYTES = 4096;
const ROUNDS = 5;
/** Free space beyond the headroom that is not worth another round. */
const SLACK_BYTES = 1024 * 1024;
/** How much of the excess goes when an image is made anew, and what it must save. */
const REMAKE_PART = 0.9;
const REMAKE_WORTH = 0.92;

/** Available blocks and their size, as df sees them. */
const MEASURE = `stat --file-system --format "%a %S" ${MOUNT_POINT}`;

/**
 * Changes the size of a written filesystem until what df calls available is the headroom. A filesystem takes some of the
 * space that it gets for itself, so it takes rounds. Where the size cannot be changed, the one that it should have been
 * made with comes back.
 */
export async function fitHeadroom(job: Fitted, madeBytes: number): Promise<number | undefined> {
  const { fs, options, ctx } = job;
  let sizeBytes = madeBytes;
  for (let round = 0; round < ROUNDS; round++) {
    const free = await freeBytesOf(job);
    ctx.log(`${fs.type}: ${formatSize(free)} of ${formatSize(sizeBytes)} are free`);
    const excess = free - options.headroomBytes;
    if (excess >= 0 && excess <= SLACK_BYTES) return undefined;
    // Of what is added, some goes into the filesystem's own structures: aim for the middle of what is good.
    const target = Math.max(fs.minBytes, toBlocks(sizeBytes - excess + SLACK_BYTES / 2));
    if (target === sizeBytes) return undefined;
    if (!fs.canResize(sizeBytes, target)) return remakeBytes(job, sizeBytes, excess);
    if (!(await resize(job, { from: sizeBytes, to: target }))) return remakeBytes(job, sizeBytes, excess);
    sizeBytes = target;
  }
  return undefined;
}

export function toBytes(blocks: number): number {
  return blocks * BLOCK_BYTES;
}

/** Up to whole blocks. */
export function toBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

async function freeBytesOf({ image, fs, ctx }: Fitted): Promise<number> {
  const mounting = { image, type: fs.type, options: fs.mountOptions, line: MEASURE };
  const [blocks = 0, blockBytes = 0] = (await textOf(runMounted(mounting, ctx))).trim().split(" ").map(Number);
  return blocks * blockBytes;
}

/**
 * The size to make it anew with: larger when the headroom is short; smaller, if that saves enough, and then a little
 * larger than the excess says, for it is to fit this time.
 */
function remakeBytes({ fs }: Fitted, sizeBytes: number, excess: number): number | undefined {
  if (excess < 0) return toBlocks(sizeBytes - excess + SLACK_BYTES);
  const target = Math.max(fs.minBytes, toBlocks(sizeBytes - excess * REMAKE_PART));
  return fs.remakes && target < sizeBytes * REMAKE_WORTH ? target : undefined;
}

/** The file is never smaller than the filesystem. False when a smaller one has no room for what is in it. */
async function resize(job: Fitted, { from, to }: { readonly from: number; readonly to: number }): Promise<boolean> {
  const { image, fs, ctx } = job;
  await awaitRelease(image);
  if (to > from) await truncate(image, to);
  try {
    await resizeFilesystem(job, to);
  } catch (error) {
    if (to < from && isFledgeError(error) && error.code !== "aborted") {
      ctx.log(`${fs.type}: not made smaller: ${error.message}`);
      return false;
    }
    throw error;
  }
  await awaitRelease(image);
  if ((await stat(image)).size > to) await truncate(image, to);
  return true;
}

async function resizeFilesystem({ image, fs, ctx }: Fitted, sizeBytes: number): Promise<void> {
  const command = fs.resizeMounted?.(sizeBytes, MOUNT_POINT);
  if (command !== undefined) {
    const mounting = { image, type: fs.type, options: fs.mountOptions, line: '"$@"' };
    await textOf(runMounted({ ...mounting, argv: [command.tool, ...command.argv] }, ctx));
  }
  for (const offline of fs.resizeOffline?.(image, sizeBytes) ?? []) await runCommand(fs, offline, ctx);
}
