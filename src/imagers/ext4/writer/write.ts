import type { ArtifactFacts, ImagerContext } from "../../../contract/imager.ts";
import { FledgeError } from "../../../lib/errors.ts";
import type { SymlinkInode } from "../../../rootfs/node.ts";
import type { SealedInode } from "../../../rootfs/seal.ts";
import { blockOf } from "../layout/geometry.ts";
import { type Ext4Plan, extentsOf, treeAddressesOf, xattrBlockOf } from "../layout/plan.ts";
import { inodeNumberOf } from "../layout/roster.ts";
import { BLOCK_BYTES, FIRST_INODE, INODE_BYTES, INODES_PER_BLOCK, ROOT_INODE } from "../structures/constants.ts";
import { type DirEntry, dotsOf, encodeDirBlock } from "../structures/directory.ts";
import { buildTree, encodeTreeBlock } from "../structures/extent.ts";
import { encodeHtreeNode, encodeHtreeRoot } from "../structures/htree.ts";
import { inodeSeedOf } from "../structures/inode.ts";
import { encodeJournalSuperblock } from "../structures/journal.ts";
import { encodeXattrBlock, placeXattrs } from "../structures/xattr.ts";
import { ContentReader } from "./contents.ts";
import { blockBitmapOf, type Head, inodeBitmapOf, makeHead, usedInodesOf } from "./head.ts";
import { encodeReservedInode, encodeRosterInode } from "./inode-record.ts";
import { ImageSink } from "./sink.ts";

type Writer = {
  readonly plan: Ext4Plan;
  readonly sink: ImageSink;
  /** Zeros up to `block`, and the backups of the superblock on the way. */
  advance(block: number): Promise<void>;
};

/** Writes the planned image to `out`, front to back. */
export async function writeExt4(
  plan: Ext4Plan,
  out: string,
  { sparse }: { readonly sparse: boolean },
  ctx: ImagerContext,
): Promise<ArtifactFacts> {
  const sink = await ImageSink.create(out, { sizeBytes: plan.imageBytes, sparse }, ctx);
  const reader = new ContentReader();
  try {
    const head = makeHead(plan);
    const writer: Writer = { plan, sink, advance: makeAdvance(plan, sink, head) };
    append(sink, head.primary());
    await writeBitmaps(writer);
    await writeInodeTables(writer);
    await writeJournal(writer);
    await writeMetadata(writer);
    await writeContents(writer, reader);
    await writer.advance(plan.geometry.totalBlocks);
    await sink.zeros(plan.imageBytes / BLOCK_BYTES - plan.geometry.totalBlocks);
    return await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    reader.close();
  }
}

function makeAdvance({ geometry }: Ext4Plan, sink: ImageSink, head: Head): (block: number) => Promise<void> {
  let next = 0;
  return async (target) => {
    if (sink.block > target) {
      throw new FledgeError("internal", `block ${target} of the image comes after block ${sink.block} in the plan`);
    }
    while (sink.block < target) {
      const backup = geometry.backups[next];
      if (backup?.start === sink.block) {
        append(sink, head.backup(backup.start / geometry.blocksPerGroup));
        next += 1;
      } else {
        await sink.zeros(Math.min(target, backup?.start ?? target) - sink.block);
      }
    }
    if (sink.isBehind) await sink.settle();
  };
}

function append(sink: ImageSink, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const part = sink.take(bytes.length - done);
    bytes.copy(part, 0, done);
    done += part.length;
  }
}

async function writeBitmaps({ plan, sink, advance }: Writer): Promise<void> {
  for (const [group, block] of plan.geometry.blockBitmaps.entries()) {
    await advance(block);
    blockBitmapOf(plan, group, sink.takeBlock());
  }
  for (const [group, block] of plan.geometry.inodeBitmaps.entries()) {
    await advance(block);
    inodeBitmapOf(plan, group, sink.takeBlock());
  }
}

async function writeInodeTables({ plan, sink, advance }: Writer): Promise<void> {
  const { inodeTables, inodesPerGroup } = plan.geometry;
  for (const [group, table] of inodeTables.entries()) {
    const used = usedInodesOf(plan, group);
    for (let first = 0; first < used; first += INODES_PER_BLOCK) {
      const block = table + first / INODES_PER_BLOCK;
      if (sink.block !== block || sink.isBehind) await advance(block);
      const out = sink.takeBlock();
      for (let i = 0; i < Math.min(INODES_PER_BLOCK, used - first); i++) {
        encodeNumbered(
          out.subarray(i * INODE_BYTES, (i + 1) * INODE_BYTES),
          plan,
          group * inodesPerGroup + first + i + 1,
        );
      }
    }
  }
}

function encodeNumbered(out: Buffer, plan: Ext4Plan, inodeNumber: number): void {
  if (inodeNumber === ROOT_INODE) encodeRosterInode(out, plan, 0);
  else if (inodeNumber < FIRST_INODE) encodeReservedInode(out, plan, inodeNumber);
  else encodeRosterInode(out, plan, inodeNumber - FIRST_INODE + 1);
}

async function writeJournal({ plan, sink, advance }: Writer): Promise<void> {
  if (plan.journalBlocks === 0) return;
  await advance(blockOf(plan.geometry, 0));
  encodeJournalSuperblock(sink.takeBlock(), plan.journalBlocks, plan.uuid);
}

/** Attribute blocks, extent trees, directories and long symlinks, inode by inode. */
async function writeMetadata(writer: Writer): Promise<void> {
  const { plan, sink, advance } = writer;
  for (const [position, { node }] of plan.roster.inodes.entries()) {
    const xattrBlock = xattrBlockOf(plan, position);
    if (xattrBlock > 0) {
      await advance(xattrBlock);
      encodeXattrBlock(sink.takeBlock(), placeXattrs(node.xattrs, "").block, xattrBlock, plan.seed);
    }
    if ((plan.treeBlocks[position] as number) > 0) await writeExtentTree(writer, position);
    if (node.type === "dir") await writeDirectory(writer, position);
    else if (node.type === "symlink" && (plan.measures.contentBlocks[position] as number) > 0) {
      await writeSymlink(writer, position, node);
    }
  }
}

async function writeExtentTree({ plan, sink, advance }: Writer, position: number): Promise<void> {
  const inodeSeed = inodeSeedOf(plan.seed, inodeNumberOf(position));
  const addresses = treeAddressesOf(plan, position, plan.treeBlocks[position] as number);
  const tree = buildTree(extentsOf(plan, position), addresses);
  for (const [i, node] of tree.blocks.entries()) {
    await advance(addresses[i] as number);
    encodeTreeBlock(sink.takeBlock(), node, inodeSeed);
  }
}

async function writeSymlink({ plan, sink, advance }: Writer, position: number, node: SymlinkInode): Promise<void> {
  await advance(blockOf(plan.geometry, plan.contentSlot[position] as number));
  sink.takeBlock().write(node.target, 0, "latin1");
}

async function writeDirectory({ plan, sink, advance }: Writer, position: number): Promise<void> {
  let slot = plan.contentSlot[position] as number;
  for (const encode of directoryBlocks(plan, position)) {
    const block = blockOf(plan.geometry, slot++);
    if (sink.block !== block || sink.isBehind) await advance(block);
    encode(sink.takeBlock());
  }
}

/** The blocks of a directory in order, each as what fills it. */
function* directoryBlocks(plan: Ext4Plan, position: number): Generator<(block: Buffer) => void, void, undefined> {
  const { entries } = plan.roster.inodes[position] as SealedInode;
  const inodeSeed = inodeSeedOf(plan.seed, inodeNumberOf(position));
  const dots = dotsOf(inodeNumberOf(position), plan.parents[position] as number);
  const entryAt = (i: number): DirEntry => {
    const { name, inode } = entries[i] as SealedInode["entries"][number];
    return { name, inodeNumber: inodeNumberOf(plan.roster.positionOf(inode)), type: inode.node.type };
  };
  const htree = plan.measures.htrees.get(position);
  if (!htree) {
    yield (block) => encodeDirBlock(block, [...dots, ...entries.map((_, i) => entryAt(i))], inodeSeed);
    // lost+found has empty blocks in store.
    for (let i = 1; i < (plan.measures.contentBlocks[position] as number); i++) {
      yield (block) => encodeDirBlock(block, [], inodeSeed);
    }
    return;
  }
  yield (block) => encodeHtreeRoot(block, htree, { dots, inodeSeed });
  for (let i = 0; i < htree.nodeCount; i++) yield (block) => encodeHtreeNode(block, htree, i, inodeSeed);
  for (let leaf = 0; leaf < htree.leafHash.length; leaf++) {
    const order = htree.order.subarray(htree.leafStart[leaf], htree.leafStart[leaf + 1]);
    yield (block) => encodeDirBlock(block, Array.from(order, entryAt), inodeSeed);
  }
}

/** The data of all files in the order of their inodes. */
async function writeContents({ plan, sink, advance }: Writer, reader: ContentReader): Promise<void> {
  for (const [position, { node }] of plan.roster.inodes.entries()) {
    if (node.type !== "file" || node.size === 0) continue;
    for (const { logical, physical, length } of extentsOf(plan, position)) {
      if (sink.block !== physical || sink.isBehind) await advance(physical);
      const end = (logical + length) * BLOCK_BYTES;
      for (let at = logical * BLOCK_BYTES; at < end; ) {
        const out = sink.take(end - at);
        const reading = reader.fill(node, at, out);
        if (reading) {
          sink.work();
          await reading;
        }
        if (sink.isBehind) await sink.settle();
        at += out.length;
      }
    }
    reader.finish();
  }
}
