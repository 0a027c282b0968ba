import { createHash } from "node:crypto";
import { chmod, type FileHandle, link, mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { ByteString } from "../../lib/bytes.ts";
import type { Env } from "../../lib/context.ts";
import { decompress } from "../../lib/decompress.ts";
import { type Digest, digestOf } from "../../lib/digest.ts";
import { fileBytes } from "../../lib/files/file-bytes.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { readContent, readContentSync } from "../../rootfs/content.ts";
import type { LayerEntry } from "../../rootfs/layer.ts";
import { EPOCH_ZERO, type FileInode, NO_XATTRS } from "../../rootfs/node.ts";
import { createTarIndexer, indexTar } from "../../rootfs/tar/read.ts";
import { BundleCheck, type SafeEntry } from "./check.ts";
import { type BundleInfo, INFO_NAME, parseInfo } from "./format.ts";

/** What a bundle may ask for. */
export type BundleLimits = {
  /** Files, folders and links. */
  readonly maxEntries: number;
  /** Of the archive when it is unpacked, and of its files with their holes. */
  readonly maxBytes: number;
};

export const BUNDLE_LIMITS: BundleLimits = { maxEntries: 200_000, maxBytes: 4 * 2 ** 30 };

export type ReceiveOptions = {
  readonly limits?: BundleLimits;
  readonly env: Env;
  readonly signal: AbortSignal;
};

/** A bundle that has come in whole and may be unpacked; the archive is not packed any more. */
export type ReceivedBundle = { readonly file: string; readonly digest: Digest; readonly sizeBytes: number };

const LABEL = "the bundle";

/**
 * Writes a bundle, packed with gzip or not, to a new file as it comes, and looks at every entry at once: what may not be
 * unpacked is refused with a `source` error before the rest has come. The file is the caller's to remove.
 */
export async function receiveBundle(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  { limits = BUNDLE_LIMITS, env, signal }: ReceiveOptions,
): Promise<ReceivedBundle> {
  const check = new BundleCheck();
  const onEntry = (entry: LayerEntry): void => void check.take(entry);
  const indexer = createTarIndexer(tarOptions(file, limits), onEntry);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    throw ioError(error, "write", file);
  });
  try {
    for await (const chunk of decompress(chunks, { label: LABEL, env, signal })) {
      indexer.write(chunk);
      hash.update(chunk);
      await writeAll(handle, chunk, sizeBytes, file);
      sizeBytes += chunk.length;
    }
    indexer.end();
  } finally {
    await handle.close();
  }
  return { file, digest: digestOf(hash), sizeBytes };
}

/**
 * Unpacks a received bundle into a folder that is made for it, and returns what it says of itself, if it does. Files
 * belong to this process; nothing is made outside of the folder, and nothing is written through a link. Throws a
 * `source` error for what is no bundle; what was made by then is the caller's to remove.
 */
export async function unpackBundle(
  file: string,
  folder: string,
  { limits = BUNDLE_LIMITS, signal }: Pick<ReceiveOptions, "limits" | "signal">,
): Promise<BundleInfo | undefined> {
  const check = new BundleCheck();
  const later: Later = { links: [], modes: [] };
  let info: BundleInfo | undefined;
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    throw ioError(error, "create", folder);
  });
  for await (const raw of indexTar(fileBytes(file, signal), { ...tarOptions(file, limits), signal })) {
    const entry = check.take(raw);
    if (entry === undefined) continue;
    if (entry.path === INFO_NAME && entry.type === "file") info = parseInfo(textOf(entry));
    else await make(entry, folder, later);
  }
  for (const [place, target] of info?.links ?? []) {
    const path = check.takeLink(place);
    later.links.push({ path: hostPath(folder, path), target: Buffer.from(target, "latin1") });
  }
  await finish(later).catch((error: unknown) => {
    throw ioError(error, "write", folder);
  });
  return info;
}

/** Links are made last, so that nothing is written through one; modes of folders when all is in them, inner ones first. */
type Later = { readonly links: { path: Buffer; target: Buffer }[]; readonly modes: { path: Buffer; mode: number }[] };

async function finish({ links, modes }: Later): Promise<void> {
  for (const { path, target } of links) {
    await mkdir(folderOf(path), { recursive: true });
    await symlink(target, path);
  }
  for (const { path, mode } of modes.reverse()) await chmod(path, mode);
}

function folderOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf("/"));
}

function tarOptions(storedFile: string, { maxEntries, maxBytes }: BundleLimits) {
  const limits = { maxEntries, maxUnpackedBytes: maxBytes, maxTotalPathBytes: 64 * 2 ** 20, maxHeaderBytes: 2 ** 28 };
  return { label: LABEL, storedFile, limits };
}

async function make(entry: SafeEntry, folder: string, later: Later): Promise<void> {
  const path = hostPath(folder, entry.path);
  try {
    await mkdir(folderOf(path), { recursive: true });
    switch (entry.type) {
      case "dir":
        await mkdir(path).catch(() => {}); // as a folder on the way to something
        later.modes.push({ path, mode: entry.mode });
        return;
      case "file":
        return await writeFile(path, entry);
      case "symlink":
        later.links.push({ path, target: Buffer.from(entry.target, "latin1") });
        return;
      case "hardlink":
        return await link(hostPath(folder, entry.target), path);
    }
  } catch (error) {
    throw ioError(error, "write", path);
  }
}

async function writeFile(path: Buffer, entry: Extract<SafeEntry, { type: "file" }>): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    for await (const { at, bytes } of readContent(inodeOf(entry))) await writeAll(handle, bytes, at, path);
    await handle.truncate(entry.size); // it may end in a hole
    await handle.chmod(entry.mode);
  } finally {
    await handle.close();
  }
}

function textOf(entry: Extract<SafeEntry, { type: "file" }>): string {
  return readContentSync(inodeOf(entry)).toString("utf8");
}

function inodeOf({ size, content, mode }: Extract<SafeEntry, { type: "file" }>): FileInode {
  return { type: "file", size, content, mode, uid: 0, gid: 0, mtime: EPOCH_ZERO, xattrs: NO_XATTRS };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number, path: string | Buffer): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    }
  } catch (error) {
    throw ioError(error, "write", path);
  }
}

function hostPath(folder: string, path: ByteString): Buffer {
  return Buffer.from(join(Buffer.from(folder).toString("latin1"), path), "latin1");
}
