import { isUtf8 } from "node:buffer";
import { type Pack, pack } from "tar-stream";
import type { ByteString } from "../lib/bytes.ts";
import { assertNever, FledgeError } from "../lib/errors.ts";
import { readContent } from "./content.ts";
import type { FileInode, Mtime } from "./node.ts";
import { encodePaxRecord, type PaxRecord } from "./pax.ts";
import type { SealedEntry, SealedTree } from "./seal.ts";
import { BLOCK_BYTES } from "./tar-header.ts";

type Header = Parameters<Pack["entry"]>[0];

/** Above these a field of the header no longer holds the number, and tar-stream would cut it without a word. */
const MAX_ID = 0o7777777;
const MAX_DEVICE = 0o777777;
const MAX_TIME = 2 ** 31 - 1;
const MAX_NAME_BYTES = 100;

const ZEROS = Buffer.alloc(64 * 1024);

/**
 * A tree as a PAX archive that GNU tar, bsdtar and the squashfs tools read: owners, times to the nanosecond, xattrs, hard
 * links and devices as they are, holes as zeros, every name in the order of the tree. A socket, for which tar has no type,
 * is a `rootfs` error.
 */
export async function* writeTar(tree: SealedTree): AsyncGenerator<Uint8Array, void, undefined> {
  const archive = pack();
  const writing = writeEntries(archive, tree).catch((error: Error) => archive.destroy(error));
  try {
    yield* archive as unknown as AsyncIterable<Uint8Array>;
    await writing;
  } finally {
    archive.destroy();
  }
}

async function writeEntries(archive: Pack, tree: SealedTree): Promise<void> {
  const firstNames = new Map<unknown, ByteString>();
  for (const entry of tree.entries) {
    const first = firstNames.get(entry.inode);
    if (first === undefined) firstNames.set(entry.inode, entry.path);
    await writeEntry(archive, entry, first);
  }
  archive.finalize();
}

async function writeEntry(archive: Pack, entry: SealedEntry, linkTo: ByteString | undefined): Promise<void> {
  const { node } = entry.inode;
  const records: PaxRecord[] = [];
  const path = node.type === "dir" ? `${entry.path === "" ? "." : entry.path}/` : entry.path;
  const type = linkTo === undefined ? typeOf(entry) : "link";
  const target = linkTo ?? (node.type === "symlink" ? node.target : undefined);
  const header: Header = {
    name: nameField(path, "path", records),
    type,
    // A bit outside of 07777 keeps tar-stream from taking the mode 0 for none.
    mode: node.mode | 0o100000,
    uid: numberField(node.uid, MAX_ID, "uid", records),
    gid: numberField(node.gid, MAX_ID, "gid", records),
    mtime: timeField(entry.inode.mtime, records),
    size: type === "file" && node.type === "file" ? node.size : 0,
    ...(target !== undefined && { linkname: nameField(target, "linkpath", records) }),
  };
  if (node.type === "char" || node.type === "block") {
    header.devmajor = numberField(node.major, MAX_DEVICE, "SCHILY.devmajor", records);
    header.devminor = numberField(node.minor, MAX_DEVICE, "SCHILY.devminor", records);
  }
  if (linkTo === undefined) {
    for (const [name, value] of node.xattrs) {
      records.push([`SCHILY.xattr.${name}`, Buffer.from(value).toString("latin1")]);
    }
  }
  if (records.length > 0) await writePax(archive, records);
  if (header.type === "file" && node.type === "file" && node.size > 0) await writeFile(archive, header, node);
  else await writeHeader(archive, header);
}

function typeOf({ path, inode: { node } }: SealedEntry): NonNullable<Header["type"]> {
  switch (node.type) {
    case "file":
    case "symlink":
    case "fifo":
      return node.type;
    case "dir":
      return "directory";
    case "char":
      return "character-device";
    case "block":
      return "block-device";
    case "socket":
      throw new FledgeError("rootfs", `/${path} is a socket, which a tar archive cannot hold`, {
        hint: "remove it: programs make their sockets when they start",
      });
    default:
      return assertNever(node);
  }
}

/** What the header block says; where that is not all, a record says the rest. tar-stream takes ASCII for safe. */
function nameField(name: string, key: string, records: PaxRecord[]): string {
  if (name.length <= MAX_NAME_BYTES && /^[\x01-\x7f]+$/.test(name)) return name;
  // POSIX wants names in UTF-8 unless told otherwise, and bsdtar holds to it.
  if (!isUtf8(Buffer.from(name, "latin1"))) records.unshift(["hdrcharset", "BINARY"]);
  records.push([key, name]);
  return name.replace(/[^\x20-\x7e]/g, "_").slice(-MAX_NAME_BYTES);
}

function numberField(value: number, max: number, key: string, records: PaxRecord[]): number {
  if (value <= max) return value;
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
  const type = "pax-header" as NonNullable<Header["type"]>; // known to it, but not declared
  await writeHeader(archive, { name: "PaxHeader", type, mode: 0o644, mtime: new Date(0), size: filled.length });
  archive.push(filled);
}

function filler(length: number): Buffer {
  for (let text = ""; ; text += " ") {
    const record = encodePaxRecord("comment", text);
    if ((length + record.length) % BLOCK_BYTES === 0) return record;
  }
}

function writeHeader(archive: Pack, header: Header): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = archive.entry(header, (error) => (error ? reject(error) : resolve()));
    if (header.type === "file") sink.end(undefined);
  });
}

function writeFile(archive: Pack, header: Header, node: FileInode): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = archive.entry(header, (error) => (error ? reject(error) : resolve()));
    const write = async (bytes: Uint8Array): Promise<void> => {
      if (!sink.write(bytes)) await new Promise<void>((drained) => sink.once("drain", drained).once("close", drained));
    };
    const writeAll = async (): Promise<void> => {
      let end = 0;
      const fillTo = async (at: number): Promise<void> => {
        for (; end < at; end += Math.min(ZEROS.length, at - end)) await write(ZEROS.subarray(0, at - end));
      };
      for await (const { at, bytes } of readContent(node)) {
        await fillTo(at);
        // A copy: the archive holds on to it after the content's buffer is used again.
        await write(Buffer.from(bytes));
        end += bytes.length;
      }
      await fillTo(node.size);
      sink.end(undefined);
    };
    sink.on("error", reject);
    writeAll().catch(reject);
  });
}
