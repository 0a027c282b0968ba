import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ImagerContext } from "../../contract/imager.ts";
import { fromByteString, toByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import { fileBytes } from "../../lib/files/file-bytes.ts";
import { pipeThrough } from "../../lib/process/exec.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import { modeWithoutAcl } from "../../rootfs/attributes/acl.ts";
import { digestContent } from "../../rootfs/content.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import { readingBack } from "../compare.ts";
import { codecTools } from "./codec.ts";
import { TYPE_BITS } from "./newc.ts";
import type { ResolvedCpioOptions } from "./options.ts";
import { type CpioRecord, readArchive } from "./read.ts";

/** Reads an archive back and compares every record with the tree; throws a `verify` error that names the path. */
export async function verifyArchive(
  tree: SealedTree,
  image: string,
  options: ResolvedCpioOptions,
  ctx: ImagerContext,
): Promise<void> {
  await readingBack(image, () => compareRecords(tree, readArchive(decompress(image, options, ctx))));
}

async function compareRecords(tree: SealedTree, records: AsyncIterable<CpioRecord>): Promise<void> {
  const inodeOf = new Map<number, SealedInode>();
  const withData = new Set<SealedInode>();
  let position = 0;
  for await (const record of records) {
    const entry = tree.entries[position++];
    const name = entry === undefined || entry.path === "" ? "." : entry.path;
    if (entry === undefined || record.name !== name) {
      throw differs(fromByteString(toByteString(Buffer.from(record.name, "latin1"))), "is not what the tree has here");
    }
    compareHeaders(entry, record);
    const known = inodeOf.get(record.ino);
    if ((known === undefined) !== entry.isFirstName || (known !== undefined && known !== entry.inode)) {
      throw differs(entry.path, "is not linked to the names it should be");
    }
    inodeOf.set(record.ino, entry.inode);
    if (record.size === 0 && entry.inode.node.type === "symlink") throw differs(entry.path, "has no target");
    if (record.size > 0 && (await compareData(entry, record))) withData.add(entry.inode);
  }
  const missing = tree.entries[position];
  if (missing !== undefined) throw differs(missing.path, "is missing from the archive");
  for (const { path, inode } of tree.entries) {
    const { node } = inode;
    if (node.type === "file" && node.size > 0 && !withData.has(inode))
      throw differs(path, "has no content in the archive");
  }
}

function compareHeaders({ path, inode }: SealedEntry, record: CpioRecord): void {
  const { node } = inode;
  const isDevice = node.type === "char" || node.type === "block";
  const expected: readonly [field: "mode" | "uid" | "gid" | "nlink" | "mtime" | "rmajor" | "rminor", value: number][] =
    [
      ["mode", TYPE_BITS[node.type] + modeWithoutAcl(node)],
      ["uid", node.uid],
      ["gid", node.gid],
      ["nlink", inode.nlink],
      ["mtime", Math.max(0, Math.min(inode.mtime.sec, 0xffffffff))],
      ["rmajor", isDevice ? node.major : 0],
      ["rminor", isDevice ? node.minor : 0],
    ];
  for (const [field, value] of expected) {
    if (record[field] !== value) throw differs(path, `${field} is ${record[field]}, should be ${value}`);
  }
}

/** Compares the data of a record; false when the record has data that it should not have. */
async function compareData({ path, inode }: SealedEntry, record: CpioRecord): Promise<boolean> {
  const { node } = inode;
  const hash = createHash("sha256");
  for await (const part of record.data) hash.update(part);
  const actual = hash.digest("hex");
  if (node.type === "symlink") {
    const target = createHash("sha256").update(Buffer.from(node.target, "latin1")).digest("hex");
    if (actual !== target) throw differs(path, "points elsewhere");
    return true;
  }
  if (node.type !== "file" || record.size !== node.size) {
    throw differs(path, `has ${record.size} bytes, should have ${node.type === "file" ? node.size : 0}`);
  }
  if (actual !== (await digestContent(node))) throw differs(path, "has other content");
  return true;
}

async function* decompress(
  image: string,
  options: ResolvedCpioOptions,
  ctx: ImagerContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = fileBytes(image, ctx.signal);
  if (options.compression === "none") return yield* file;
  if (options.compression === "gzip") {
    const packed = Readable.from(file, { objectMode: false });
    return yield* packed.compose(createGunzip({ chunkSize: 256 * 1024 }));
  }
  const [tool] = codecTools(options);
  yield* pipeThrough(requireTool(tool as Tool, ctx.env), ["-q", "-d", "-c"], file, ctx);
}

function differs(path: string, what: string): FledgeError {
  return new FledgeError("verify", `/${path}: ${what}`, {
    hint: "the artifact does not hold what was meant; please report this with the recipe",
  });
}
