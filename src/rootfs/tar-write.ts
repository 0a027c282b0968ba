import { isUtf8 } from "node:buffer";
import { type ByteString, fromByteString } from "../lib/bytes.ts";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import { readContent } from "./content.ts";
import type { FileInode, Inode, InodeType, Mtime, Segment } from "./node.ts";
import { encodePaxRecord, type PaxRecord } from "./pax.ts";
import type { SealedEntry, SealedTree } from "./seal.ts";
import { BLOCK_BYTES, encodeHeader, type HeaderFields } from "./tar-header.ts";
import { encodeSparseMap, sparseRunsOf } from "./tar-sparse.ts";
import { escapeKeyword } from "./tar-xattrs.ts";

export type TarWriteOptions = {
  /**
   * "gnu" keeps holes, as GNU.sparse 1.0, which GNU tar, libarchive and squashfs-tools read; without it they are zeros,
   * which every tar reads.
   */
  readonly sparse?: "gnu" | undefined;
};

export type TarWriteContext = Pick<RunContext, "warn"> & Partial<Pick<RunContext, "signal" | "progress">>;

/** Type flags of POSIX.1-2017, ustar Interchange Format. */
const FLAGS: Readonly<Record<Exclude<InodeType, "socket">, string>> = {
  file: "0",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
};
const HARD_LINK = "1";
const PAX_HEADER = "x";

/** Above these a field of the header does not hold the number. */
const MAX_ID = 0o777777;
const MAX_TIME = 2 ** 31 - 1;
const MAX_NAME_BYTES = 100;

const BATCH_BYTES = 256 * 1024;
const NAMED_IN_WARNING = 5;
const ZEROS = Buffer.alloc(64 * 1024);

/**
 * A tree as a PAX archive that GNU tar, bsdtar and the squashfs tools read: owners, times to the nanosecond, xattrs, hard
 * links and devices as they are, every name in the order of the tree. Sockets, for which tar has no type, are left out
 * with a warning. Progress counts the bytes of files.
 */
export async function* writeTar(
  tree: SealedTree,
  ctx: TarWriteContext,
  options: TarWriteOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const sockets = tree.entries.filter(({ inode }) => inode.node.type === "socket");
  if (sockets.length > 0) ctx.warn(lostSockets(sockets));
  yield* inBatches(writeMembers(tree, { ...ctx, ...options }));
}

/** Few large chunks instead of a small one for each header. */
async function* inBatches(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    // A copy: the buffers of contents are used again.
    batch.push(Buffer.from(piece));
    bytes += piece.length;
    if (bytes < BATCH_BYTES) continue;
    yield Buffer.concat(batch, bytes);
    batch = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(batch, bytes);
}

async function* writeMembers(
  tree: SealedTree,
  { signal, progress, sparse }: TarWriteContext & TarWriteOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const firstNames = new Map<Inode, ByteString>();
  let doneBytes = 0;
  for (const entry of tree.entries) {
    const { node } = entry.inode;
    if (node.type === "socket") continue;
    if (signal !== undefined) throwIfAborted(signal);
    const linkTo = firstNames.get(node);
    if (linkTo !== undefined) {
      yield headerOf(entry, { flag: HARD_LINK, linkTo });
      continue;
    }
    if (entry.inode.nlink > 1 && node.type !== "dir") firstNames.set(node, entry.path);
    if (node.type !== "file") {
      yield headerOf(entry, { flag: FLAGS[node.type] });
      continue;
    }
    yield* writeFile(entry, node, { sparse, report: (at) => progress?.(doneBytes + at, tree.contentBytes) });
    doneBytes += node.size;
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

type Report = { readonly report: (at: number) => void };

async function* writeFile(
  entry: SealedEntry,
  node: FileInode,
  { sparse, report }: TarWriteOptions & Report,
): AsyncGenerator<Uint8Array, void, undefined> {
  const holey = sparse === "gnu" ? sparseRunsOf(node) : undefined;
  const runs = holey ?? [{ at: 0, length: node.size }];
  const map = holey === undefined ? undefined : encodeSparseMap(node.size, runs);
  const size = runs.reduce((sum, { length }) => sum + length, map?.length ?? 0);
  const records: PaxRecord[] = map === undefined ? [] : sparseRecords(entry.path, node.size);
  yield headerOf(entry, { flag: FLAGS.file, size, records });
  if (map !== undefined) yield map;
  if (node.size > 0) yield* dataOf(node, runs, { report });
  yield* zeros(paddingOf(size));
  report(node.size);
}

/** The bytes of the runs, which hold all of the file's data; what lies between that within a run as zeros. */
async function* dataOf(
  node: FileInode,
  runs: readonly Segment[],
  { report }: { readonly report: (at: number) => void },
): AsyncGenerator<Uint8Array, void, undefined> {
  const end: Segment = { at: node.size, length: 0 };
  let next = 0;
  let run = runs[next++] ?? end;
  let at = run.at;
  for await (const chunk of readContent(node)) {
    while (chunk.at >= run.at + run.length) {
      yield* zeros(run.at + run.length - at);
      run = runs[next++] ?? end;
      at = run.at;
    }
    yield* zeros(chunk.at - at);
    yield chunk.bytes;
    at = chunk.at + chunk.bytes.length;
    report(at);
  }
  yield* zeros(run.at + run.length - at);
}

function* zeros(count: number): Generator<Uint8Array, void, undefined> {
  for (let left = count; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
}

/** GNU tar manual, "PAX Format, Version 1.0". */
function sparseRecords(path: ByteString, size: number): PaxRecord[] {
  return [
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.name", path],
    ["GNU.sparse.realsize", String(size)],
  ];
}

type Member = {
  readonly flag: string;
  readonly linkTo?: ByteString;
  /** Bytes that follow the header. */
  readonly size?: number;
  readonly records?: PaxRecord[];
};

/** The header of a name; a PAX header with what it cannot say comes before it. */
function headerOf({ path, inode }: SealedEntry, { flag, linkTo, size = 0, records = [] }: Member): Buffer {
  const { node, mtime } = inode;
  const name = node.type === "dir" ? `${path === "" ? "." : path}/` : path;
  const target = linkTo ?? (node.type === "symlink" ? node.target : "");
  const isDevice = linkTo === undefined && (node.type === "char" || node.type === "block");
  const header: HeaderFields = {
    name: nameField(name, "path", records),
    linkname: nameField(target, "linkpath", records),
    flag,
    mode: node.mode,
    uid: numberField(node.uid, "uid", records),
    gid: numberField(node.gid, "gid", records),
    mtimeSec: timeField(mtime, records),
    size,
    ...(isDevice && { major: node.major, minor: node.minor }),
  };
  if (linkTo === undefined) {
    for (const [key, value] of node.xattrs) {
      records.push([`SCHILY.xattr.${escapeKeyword(key)}`, Buffer.from(value).toString("latin1")]);
    }
  }
  // POSIX wants names in UTF-8 unless told otherwise, and bsdtar holds to it.
  if (!isUtf8(Buffer.from(`${name}\0${target}`, "latin1"))) records.unshift(["hdrcharset", "BINARY"]);
  const block = encodeHeader(header);
  return records.length === 0 ? block : Buffer.concat([paxHeader(records), block]);
}

/** What the header block says; where that is not all, a record says the rest. */
function nameField(name: string, key: string, records: PaxRecord[]): string {
  if (name.length <= MAX_NAME_BYTES && /^[\x01-\x7f]*$/.test(name)) return name;
  records.push([key, name]);
  return name.replace(/[^\x20-\x7e]/g, "_").slice(-MAX_NAME_BYTES);
}

function numberField(value: number, key: string, records: PaxRecord[]): number {
  if (value <= MAX_ID) return value;
  records.push([key, String(value)]);
  return 0;
}

function timeField({ sec, nsec }: Mtime, records: PaxRecord[]): number {
  if (nsec === 0 && sec >= 0 && sec <= MAX_TIME) return sec;
  records.push(["mtime", paxTime({ sec, nsec })]);
  return 0;
}

/** As decimal text; before 1970 the fraction counts back: -2 s + 0.5 s is "-1.5". */
function paxTime({ sec, nsec }: Mtime): string {
  if (nsec === 0) return String(sec);
  const isNegative = sec < 0;
  const fraction = String(isNegative ? 1_000_000_000 - nsec : nsec).padStart(9, "0");
  return isNegative ? `-${-sec - 1}.${fraction}` : `${sec}.${fraction}`;
}

function paxHeader(records: readonly PaxRecord[]): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value)));
  const fields = { name: "PaxHeader", linkname: "", flag: PAX_HEADER, mode: 0o644, uid: 0, gid: 0, mtimeSec: 0 };
  return Buffer.concat([encodeHeader({ ...fields, size: body.length }), body, Buffer.alloc(paddingOf(body.length))]);
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function lostSockets(sockets: readonly SealedEntry[]): { message: string; hint: string } {
  const named = sockets.slice(0, NAMED_IN_WARNING).map(({ path }) => `/${fromByteString(path)}`);
  const more = sockets.length > named.length ? ` and ${sockets.length - named.length} more` : "";
  return {
    message: `a tar archive cannot hold sockets; left out: ${named.join(", ")}${more}`,
    hint: "programs make their sockets when they start; remove them from the tree to silence this",
  };
}
