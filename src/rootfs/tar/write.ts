import { isUtf8 } from "node:buffer";
import { type Pack, pack } from "tar-stream";
import type { ByteString } from "../../lib/bytes.ts";
import { type RunContext, throwIfAborted } from "../../lib/context.ts";
import { escapeKeyword } from "../attributes/xattrs.ts";
import { readContent } from "../content.ts";
import type { FileInode, Inode, InodeType, Mtime, Segment } from "../node.ts";
import type { SealedEntry, SealedTree } from "../seal.ts";
import { firstOf, shownPath } from "../shown-path.ts";
import { BLOCK_BYTES, setDevice } from "./header.ts";
import { encodePaxRecord, type PaxRecord } from "./pax.ts";
import { encodeSparseMap, sparseRunsOf } from "./sparse.ts";

export type TarWriteOptions = {
  /**
   * "gnu" keeps holes, as GNU.sparse 1.0, which GNU tar, libarchive and squashfs-tools read; without it they are zeros,
   * which every tar reads.
   */
  readonly sparse?: "gnu" | undefined;
};

export type TarWriteContext = Pick<RunContext, "warn"> & Partial<Pick<RunContext, "signal" | "progress">>;

type Header = Parameters<Pack["entry"]>[0];
type HeaderType = NonNullable<Header["type"]>;

const TYPES: Readonly<Record<Exclude<InodeType, "socket">, HeaderType>> = {
  file: "file",
  symlink: "symlink",
  char: "character-device",
  block: "block-device",
  dir: "directory",
  fifo: "fifo",
};

/** Above these a field of the header no longer holds the number, and tar-stream would cut it without a word. */
const MAX_ID = 0o777777;
const MAX_DEVICE = 0o777777;
const MAX_TIME = 2 ** 31 - 1;
const MAX_NAME_BYTES = 100;

const BATCH_BYTES = 256 * 1024;
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
  const archive = pack();
  const writing = writeMembers(archive, tree, { ...ctx, ...options }).catch((error: Error) => archive.destroy(error));
  try {
    yield* inBatches(archive as unknown as AsyncIterable<Uint8Array>);
    await writing;
  } finally {
    archive.destroy();
    // A reader that stops early is told that it may go on when the file that was being read is closed.
    await writing;
  }
}

/** Few large chunks instead of a small one for each header. */
async function* inBatches(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    batch.push(piece);
    bytes += piece.length;
    if (bytes < BATCH_BYTES) continue;
    yield batch.length === 1 ? piece : Buffer.concat(batch, bytes);
    batch = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(batch, bytes);
}

async function writeMembers(
  archive: Pack,
  tree: SealedTree,
  { signal, progress, sparse }: TarWriteContext & TarWriteOptions,
): Promise<void> {
  const firstNames = new Map<Inode, ByteString>();
  let doneBytes = 0;
  for (const entry of tree.entries) {
    const { node } = entry.inode;
    if (node.type === "socket") continue;
    if (signal !== undefined) throwIfAborted(signal);
    const linkTo = firstNames.get(node);
    if (linkTo !== undefined) {
      await writeHeader(archive, entry, { type: "link", linkTo });
      continue;
    }
    if (entry.inode.nlink > 1 && node.type !== "dir") firstNames.set(node, entry.path);
    if (node.type !== "file") {
      await writeHeader(archive, entry, { type: TYPES[node.type] });
      continue;
    }
    await writeFile(archive, entry, node, { sparse, report: (at) => progress?.(doneBytes + at, tree.contentBytes) });
    doneBytes += node.size;
  }
  archive.finalize();
}

type Report = { readonly report: (at: number) => void };

async function writeFile(
  archive: Pack,
  entry: SealedEntry,
  node: FileInode,
  { sparse, report }: TarWriteOptions & Report,
): Promise<void> {
  const holey = sparse === "gnu" ? sparseRunsOf(node) : undefined;
  const runs = holey ?? [{ at: 0, length: node.size }];
  const map = holey === undefined ? undefined : encodeSparseMap(node.size, runs);
  const size = runs.reduce((sum, { length }) => sum + length, map?.length ?? 0);
  const records: PaxRecord[] = map === undefined ? [] : sparseRecords(entry.path, node.size);
  const header = await headerOf(archive, entry, { type: "file", size, records });
  await writeBody(archive, header, async function* () {
    if (map !== undefined) yield map;
    if (node.size > 0) yield* dataOf(node, runs, { report });
  });
  report(node.size);
}

/** Ends when what is read for it is closed, also when it fails or nobody reads the archive any more. */
async function writeBody(archive: Pack, header: Header, data: () => AsyncIterable<Uint8Array>): Promise<void> {
  let resume = (): void => {};
  let settle = (): void => {};
  const written = new Promise<void>((resolve) => {
    settle = resolve;
  });
  let failure: Error | undefined;
  const end = (error?: Error | null): void => {
    failure ??= error ?? undefined;
    settle();
    resume();
  };
  const sink = archive.entry(header, end);
  sink.on("error", end).on("close", () => end());
  sink.on("drain", () => resume());
  for await (const bytes of data()) {
    // A copy: the archive holds on to it after the content's buffer is used again.
    if (sink.write(Buffer.from(bytes))) continue;
    // Of a sink that is destroyed no event comes any more.
    if (!sink.destroyed) {
      await new Promise<void>((go) => {
        resume = go;
      });
    }
    if (sink.destroyed) throw failure ?? new Error("nobody reads the archive any more");
  }
  sink.end(undefined);
  await written;
  if (failure !== undefined) throw failure;
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
  readonly type: HeaderType;
  readonly linkTo?: ByteString;
  /** Bytes that follow the header. */
  readonly size?: number;
  readonly records?: PaxRecord[];
};

/** A member that is all header. */
async function writeHeader(archive: Pack, entry: SealedEntry, member: Member): Promise<void> {
  const header = await headerOf(archive, entry, member);
  const { node } = entry.inode;
  if (member.linkTo !== undefined || (node.type !== "char" && node.type !== "block")) {
    return await addEntry(archive, header);
  }
  const { major, minor } = node;
  if (Math.max(major, minor) <= MAX_DEVICE) {
    return await addEntry(archive, { ...header, devmajor: major, devminor: minor });
  }
  archive.push(setDevice(await encoded(header), { major, minor }));
}

/** The header block that tar-stream makes, on its own. */
async function encoded(header: Header): Promise<Buffer> {
  const archive = pack();
  await addEntry(archive, header);
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(0, BLOCK_BYTES);
}

/** The header of a name; a PAX header with what it cannot say goes into the archive before it. */
async function headerOf(
  archive: Pack,
  { path, inode }: SealedEntry,
  { type, linkTo, size = 0, records = [] }: Member,
): Promise<Header> {
  const { node, mtime } = inode;
  const name = node.type === "dir" ? `${path === "" ? "." : path}/` : path;
  const target = linkTo ?? (node.type === "symlink" ? node.target : "");
  const header: Header = {
    name: nameField(name, "path", records),
    linkname: nameField(target, "linkpath", records),
    type,
    // A bit outside of 07777 keeps tar-stream from taking the mode 0 for none.
    mode: node.mode | 0o100000,
    uid: numberField(node.uid, "uid", records),
    gid: numberField(node.gid, "gid", records),
    mtime: timeField(mtime, records),
    size,
  };
  if (linkTo === undefined) {
    for (const [key, value] of node.xattrs) {
      records.push([`SCHILY.xattr.${escapeKeyword(key)}`, Buffer.from(value).toString("latin1")]);
    }
  }
  // POSIX wants names in UTF-8 unless told otherwise, and bsdtar holds to it.
  if (!isUtf8(Buffer.from(`${name}\0${target}`, "latin1"))) records.unshift(["hdrcharset", "BINARY"]);
  if (records.length > 0) await writePax(archive, records);
  return header;
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

function timeField({ sec, nsec }: Mtime, records: PaxRecord[]): Date {
  if (nsec === 0 && sec >= 0 && sec <= MAX_TIME) return new Date(sec * 1000);
  records.push(["mtime", paxTime({ sec, nsec })]);
  return new Date(0);
}

/** As decimal text; before 1970 the fraction counts back: -2 s + 0.5 s is "-1.5". */
function paxTime({ sec, nsec }: Mtime): string {
  if (nsec === 0) return String(sec);
  const isNegative = sec < 0;
  const fraction = String(isNegative ? 1_000_000_000 - nsec : nsec).padStart(9, "0");
  return isNegative ? `-${-sec - 1}.${fraction}` : `${sec}.${fraction}`;
}

/**
 * tar-stream encodes PAX values as UTF-8, which destroys binary ones. So their header goes through it as an entry of its
 * own, and the body past it: a comment fills the last block, so that there is no padding to come in between.
 */
async function writePax(archive: Pack, records: readonly PaxRecord[]): Promise<void> {
  const body = Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value)));
  const filled = Buffer.concat([body, filler(body.length)]);
  const type = "pax-header" as HeaderType; // known to it, but not declared
  await addEntry(archive, { name: "PaxHeader", type, mode: 0o644, mtime: new Date(0), size: filled.length });
  archive.push(filled);
}

function filler(length: number): Buffer {
  for (let text = ""; ; text += " ") {
    const record = encodePaxRecord("comment", text);
    if ((length + record.length) % BLOCK_BYTES === 0) return record;
  }
}

function addEntry(archive: Pack, header: Header): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

function lostSockets(sockets: readonly SealedEntry[]): { message: string; hint: string } {
  return {
    message: `a tar archive cannot hold sockets; left out: ${firstOf(sockets.map(shownPath))}`,
    hint: "programs make their sockets when they start; remove them from the tree to silence this",
  };
}
