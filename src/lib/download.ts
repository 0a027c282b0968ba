import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { abortedError } from "./context.ts";
import { type Digest, digestOf } from "./digest.ts";
import { FledgeError, isFledgeError } from "./errors.ts";
import { DEFAULT_RETRY_DELAY_MS, type HttpRequest, type HttpResponse, openHttp } from "./http.ts";
import { reasonOf } from "./http-errors.ts";
import { ioError } from "./io-error.ts";
import { pause } from "./pause.ts";
import { dropSecrets } from "./url.ts";

export type DownloadOptions = Omit<HttpRequest, "method" | "body" | "allowStatus"> & {
  readonly url: string;
  /** The file to make; it must not exist. */
  readonly to: string;
  readonly expected?: { readonly digest?: Digest; readonly sizeBytes?: number };
  /** Bytes so far, and in all where the server says so. */
  readonly onProgress?: (doneBytes: number, totalBytes?: number) => void;
};

export type Downloaded = { readonly digest: Digest; readonly sizeBytes: number };

/** How often a download may break off without having got any further. */
const MAX_BREAKS = 5;

/**
 * Downloads a file and hashes it on the way. A connection that breaks is resumed where it broke (RFC 9110, 14 and
 * 13.1.5: Range with If-Range), or begun anew when the server cannot resume or the file has changed.
 * Throws `download`, or `checksum` when the bytes are not the expected ones; no file is left then.
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const file = await open(options.to, "wx").catch((error: unknown) => {
    throw ioError(error, "write", options.to);
  });
  try {
    const result = await transfer(file, options);
    assertExpected(result, options);
    await file.sync();
    return result;
  } catch (error) {
    await rm(options.to, { force: true });
    throw isFledgeError(error) ? error : ioError(error, "write", options.to);
  } finally {
    await file.close();
  }
}

type Progress = { hash: Hash; done: number; total: number | undefined; validator: string | undefined };

async function transfer(file: FileHandle, options: DownloadOptions): Promise<Downloaded> {
  const state: Progress = nothing();
  let furthest = 0;
  for (let breaks = 0; ; ) {
    const failure = await attempt(file, state, options);
    if (failure === undefined) return { digest: digestOf(state.hash), sizeBytes: state.done };
    breaks = state.done > furthest ? 0 : breaks + 1;
    furthest = Math.max(furthest, state.done);
    if (breaks >= MAX_BREAKS) throw failure;
    if (breaks > 0) await pause((options.retryDelayMs ?? DEFAULT_RETRY_DELAY_MS) * 2 ** (breaks - 1), options.signal);
  }
}

/** One connection's worth; returns why it ended too early. */
async function attempt(file: FileHandle, state: Progress, options: DownloadOptions): Promise<FledgeError | undefined> {
  const response = await openHttp(options.url, { ...options, ...rangeFrom(state, options), allowStatus: [416] });
  const isWhole = response.status !== 206 && response.status !== 416;
  if (isWhole || !continues(response, state)) {
    await file.truncate(0);
    Object.assign(state, nothing(), isWhole && announced(response));
  }
  if (!isWhole && state.done === 0) {
    await response.body.dump().catch(() => {});
    return brokenOff(state, options, "the server cannot resume it");
  }
  try {
    for await (const chunk of response.body) {
      await writeAll(file, chunk, state.done, options);
      state.hash.update(chunk);
      state.done += chunk.length;
      options.onProgress?.(state.done, state.total);
    }
  } catch (error) {
    if (options.signal.aborted) throw abortedError(options.signal);
    if (isFledgeError(error)) throw error;
    return brokenOff(state, options, reasonOf(error));
  }
  if (state.total !== undefined && state.done < state.total)
    return brokenOff(state, options, "the connection was closed");
  return undefined;
}

function nothing(): Progress {
  return { hash: createHash("sha256"), done: 0, total: undefined, validator: undefined };
}

/** What the head of an answer says of the file that follows. */
function announced({ headers }: HttpResponse): Pick<Progress, "total" | "validator"> {
  const length = headers["content-length"] ?? "";
  return { total: /^\d+$/.test(length) ? Number(length) : undefined, validator: strongValidator(headers) };
}

function rangeFrom({ done, validator }: Progress, { headers }: DownloadOptions): Pick<HttpRequest, "headers"> {
  if (done === 0 || validator === undefined) return headers === undefined ? {} : { headers };
  return { headers: { ...headers, range: `bytes=${done}-`, "if-range": validator } };
}

/** Whether an answer goes on exactly where the last one ended, in the same file. */
function continues({ status, headers }: HttpResponse, { done, total, validator }: Progress): boolean {
  const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  if (status !== 206 || done === 0 || Number(start) !== done) return false;
  if (size !== "*" && total !== undefined && Number(size) !== total) return false;
  const now = strongValidator(headers);
  return now === undefined || now === validator || !now.startsWith('"');
}

/** A write may be cut short, by a disk that is full for instance; the next one then says why. */
async function writeAll(file: FileHandle, chunk: Uint8Array, at: number, { to }: DownloadOptions): Promise<void> {
  try {
    for (let written = 0; written < chunk.length; ) {
      written += (await file.write(chunk, written, chunk.length - written, at + written)).bytesWritten;
    }
  } catch (error) {
    throw ioError(error, "write", to);
  }
}

/** If-Range takes a strong ETag or a date. */
function strongValidator(headers: HttpResponse["headers"]): string | undefined {
  const { etag } = headers;
  return etag !== undefined && !etag.startsWith("W/") ? etag : headers["last-modified"];
}

function brokenOff({ done, total }: Progress, { url }: DownloadOptions, why: string): FledgeError {
  const of = total === undefined ? "" : ` of ${total}`;
  return new FledgeError(
    "download",
    `${dropSecrets(url)} broke off after ${done}${of} bytes, ${MAX_BREAKS} times: ${why}`,
    {
      hint: "try again; what keeps breaking off may be a proxy's limit",
    },
  );
}

function assertExpected({ digest, sizeBytes }: Downloaded, { url, expected }: DownloadOptions): void {
  const where = dropSecrets(url);
  if (expected?.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) {
    throw new FledgeError("checksum", `${where} has ${sizeBytes} bytes, expected ${expected.sizeBytes}`);
  }
  if (expected?.digest !== undefined && expected.digest !== digest) throw wrongDigest(where, expected.digest, digest);
}

/** What is at `where` is not what was pinned. */
export function wrongDigest(where: string, expected: Digest, actual: Digest): FledgeError {
  return new FledgeError("checksum", `${where} is not what the checksum says: expected ${expected}, got ${actual}`, {
    hint: "if the file was replaced on purpose, pin the new checksum; if not, do not use it",
  });
}

/** The digest of a file on disk. */
export async function digestFile(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return digestOf(hash);
}
