import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Lockable, LockEntry, Locks } from "../contract/lock.ts";
import type { RunContext } from "../lib/context.ts";
import { type Digest, parseDigest } from "../lib/digest.ts";
import { FledgeError, isFledgeError, withHint } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { ioError } from "../lib/files/io-error.ts";
import { download } from "../lib/network/download.ts";
import { safeUrl } from "../lib/network/http-errors.ts";
import { addBlob, ensureBlob, hasBlob } from "../store/blobs.ts";

/** The context of a build, and the folder that relative paths of its config start from. */
export type FetchContext = RunContext & {
  readonly baseDir: string;
  /** What downloads are held to. */
  readonly locks?: Locks | undefined;
};

export type FetchRequest = {
  /** An http or https URL, a `file:` URL, or a path. */
  readonly from: string;
  readonly checksum?: string | undefined;
  /** What it is, for people: "BusyBox". */
  readonly what: string;
  /** Where else it may come from, for hints. */
  readonly instead: string;
  /** The config's key that says where it is, and the one that pins it. */
  readonly key: string;
  readonly checksumKey: string;
  /** What becomes of whatever is there; default "built in". */
  readonly use?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Fetched = { readonly path: string; readonly digest: Digest };

/**
 * A file of the host for something that a config names by URL or path, checked against its checksum. What is remote is
 * cached by its digest; without a checksum it is fetched each time, with a warning that says what to pin.
 */
export async function fetchFile(ctx: FetchContext, request: FetchRequest): Promise<Fetched> {
  const { from, checksum, checksumKey } = request;
  const expected = checksum === undefined ? undefined : parseDigest(checksum, checksumKey);
  return isRemote(from) ? await fetchRemote(ctx, request, expected) : await openLocal(ctx, request, expected);
}

async function openLocal(ctx: FetchContext, request: FetchRequest, expected?: Digest): Promise<Fetched> {
  const { from, key, instead } = request;
  const path = /^file:/i.test(from) ? pathOfUrl(from, key) : resolve(ctx.baseDir, from);
  if (!existsSync(path)) {
    throw new FledgeError("config", `${key}: ${path} does not exist`, { hint: `check the path; ${instead}` });
  }
  if (!statSync(path).isFile()) throw new FledgeError("config", `${key}: ${path} is not a file`);
  const digest = await hashFile(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  if (expected === undefined || expected === digest) return { path, digest };
  throw new FledgeError("checksum", `${path} is not what the checksum says: expected ${expected}, got ${digest}`, {
    hint: "if the file was replaced on purpose, pin the new checksum; if not, do not use it",
  });
}

async function fetchRemote(ctx: FetchContext, request: FetchRequest, expected?: Digest): Promise<Fetched> {
  const { from, what, checksumKey, headers, instead, use = "built in" } = request;
  const fetch = async (to: string): Promise<Digest> => {
    const { digest } = await download({
      url: from,
      to,
      signal: ctx.signal,
      env: ctx.env,
      ...(headers !== undefined && { headers }),
      ...(expected !== undefined && { expected: { digest: expected } }),
      onProgress: (done, total) => ctx.progress(done, total, what),
      log: ctx.log,
    }).catch((error: unknown) => {
      throw unfetched(error, what, instead);
    });
    return digest;
  };
  if (expected !== undefined) return await ensureBlob(ctx, expected, fetch);
  const blob = await addBlob(ctx, fetch);
  ctx.warn({
    message: `${what} from ${safeUrl(from)} is not pinned: whatever is there will be ${use}`,
    hint: `${checksumKey} = "${blob.digest}", or fledge lock`,
  });
  return blob;
}

/** What a lock has to do with a file by its URL; nothing with one of this machine. */
export function lockablesOfUrl(
  kind: string,
  { from, checksum, checksumKey, ...more }: FetchRequest,
): [lockable: Lockable] | [] {
  if (!isRemote(from)) return [];
  return [
    {
      key: keyOfUrl(kind, from),
      names: [kind, shownPlace(from)],
      ...(checksum !== undefined && { pinned: { digest: parseDigest(checksum, checksumKey) } }),
      resolve: async (ctx) => ({ digest: await digestOf({ from, checksum, checksumKey, ...more }, ctx) }),
      missing: async (entry, ctx) => missingBlob(entry, `${more.what} from ${shownPlace(from)}`, ctx),
    },
  ];
}

/** What a download is now; that it is not pinned is no news to who asks for that. */
export async function digestOf(request: FetchRequest, ctx: RunContext): Promise<Digest> {
  return (await fetchFile({ ...ctx, warn: () => {}, baseDir: "/" }, request)).digest;
}

/** The request with the checksum that its entry has, if there is one and the config has none of its own. */
export function lockedRequest(kind: string, request: FetchRequest, locks: Locks | undefined): FetchRequest {
  if (!isRemote(request.from)) return request;
  const entry = locks?.get(keyOfUrl(kind, request.from));
  return entry === undefined ? request : { ...request, checksum: request.checksum ?? entry.digest };
}

/** What of a download is not in the store. */
export function missingBlob({ digest }: LockEntry, what: string, { cacheDir }: RunContext): string[] {
  return hasBlob(cacheDir, digest) ? [] : [`${what} (${digest})`];
}

/** A lock is for everybody, so a URL is there without what may be secret in it. */
function keyOfUrl(kind: string, url: string): string {
  return `${kind} ${safeUrl(url)}`;
}

function isRemote(from: string): boolean {
  return /^https?:\/\//i.test(from);
}

/** A failed download with what was to be fetched, and where else it may come from; other errors pass. */
export function unfetched(error: unknown, what: string, instead: string): unknown {
  if (!isFledgeError(error) || error.code !== "download") return error;
  const { message, hint, cause } = withHint(error, instead);
  return new FledgeError("download", `${what} could not be fetched: ${message}`, { hint, cause });
}

/** A URL or path as it may be shown: secrets are in URLs only. */
export function shownPlace(from: string): string {
  return /^https?:/i.test(from) ? safeUrl(from) : from;
}

function pathOfUrl(url: string, key: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new FledgeError("config", `${key}: "${url}" is not a file URL of this machine`, {
      cause: error,
      hint: "write file:///absolute/path, or just the path",
    });
  }
}
