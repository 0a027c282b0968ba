import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { type Env, throwIfAborted } from "../context.ts";
import { type Digest, digestOf } from "../digest.ts";
import { FledgeError, isFledgeError } from "../errors.ts";
import { type HttpOptions, type HttpResponse, openHttp } from "./http.ts";
import { safeUrl } from "./http-errors.ts";
import { backoffMs, sleep } from "./retry.ts";

export type DownloadOptions = Pick<
  HttpOptions,
  "headers" | "ca" | "insecure" | "retryDelayMs" | "idleTimeoutMs" | "tries" | "log"
> & {
  readonly url: string;
  /** The file to write; it is created or emptied, and removed when the download fails. */
  readonly to: string;
  readonly expected?: { readonly digest?: Digest; readonly sizeBytes?: number };
  readonly signal: AbortSignal;
  readonly env: Env;
  readonly onProgress?: (doneBytes: number, totalBytes: number | undefined) => void;
};

export type Download = { readonly digest: Digest; readonly sizeBytes: number; readonly url: string };

/** Attempts in a row that may fail without getting this much further. */
const ATTEMPTS = 5;
const PROGRESS_BYTES = 1 << 20;

/**
 * Streams a URL into a file, hashing on the way. A connection that drops is resumed where it broke (Range and
 * If-Range, RFC 9110, 13.1.5 and 14), or started over when the server cannot, or the file changed meanwhile.
 * Throws `download`, `checksum` (digest), or `aborted`; the file is gone then.
 */
export async function download(options: DownloadOptions): Promise<Download> {
  const file = await open(options.to, "w");
  try {
    const state: State = { file, size: 0, hash: createHash("sha256"), validator: undefined };
    const url = await receive(state, options);
    const digest = digestOf(state.hash);
    checkSize(state.size, options);
    checkDigest(digest, options);
    await file.close();
    return { digest, sizeBytes: state.size, url };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(options.to, { force: true });
    throw error;
  }
}

type State = {
  readonly file: FileHandle;
  /** Bytes written and hashed so far. */
  size: number;
  hash: Hash;
  /** What `If-Range` may name: the file on the server is still the one that these bytes came from. */
  validator: string | undefined;
};

async function receive(state: State, options: DownloadOptions): Promise<string> {
  let furthest = 0;
  for (let failed = 1; ; failed++) {
    throwIfAborted(options.signal);
    try {
      const response = await request(state, options);
      await writeBody(state, response, options);
      return response.url;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (state.size >= furthest + PROGRESS_BYTES) failed = 1;
      furthest = Math.max(furthest, state.size);
      if (failed >= ATTEMPTS) throw error.reported(state, options);
      options.log?.(`${error.message} after ${state.size} bytes, trying again`);
      await sleep(backoffMs(failed, options.retryDelayMs), options.signal);
    }
  }
}

/** Asks for what is missing; on return the state fits the body that follows. */
async function request(state: State, options: DownloadOptions): Promise<HttpResponse> {
  const resume: Record<string, string> =
    state.size > 0 && state.validator !== undefined
      ? { range: `bytes=${state.size}-`, "if-range": state.validator }
      : {};
  const response = await openHttp(options.url, {
    ...options,
    headers: { ...options.headers, ...resume },
    // 416: the file became shorter than what is already here.
    allowStatus: "range" in resume ? [416] : [],
  });
  if (response.status === 206 && "range" in resume && continues(state, response)) return response;
  await restart(state);
  if (response.status === 206 || response.status === 416) {
    await response.discard();
    throw new Interrupted(`GET ${safeUrl(options.url)}: the file changed on the server`);
  }
  state.validator = validatorOf(response);
  return response;
}

function continues(state: State, response: HttpResponse): boolean {
  const start = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1];
  const validator = validatorOf(response);
  return Number(start) === state.size && (validator === undefined || validator === state.validator);
}

/** A strong ETag, else the date; a weak ETag does not promise the same bytes. */
function validatorOf({ headers }: HttpResponse): string | undefined {
  return headers.etag?.startsWith('"') ? headers.etag : headers["last-modified"];
}

async function restart(state: State): Promise<void> {
  await state.file.truncate(0);
  state.size = 0;
  state.hash = createHash("sha256");
  state.validator = undefined;
}

async function writeBody(state: State, response: HttpResponse, options: DownloadOptions): Promise<void> {
  const total = totalBytes(state, response);
  const expected = options.expected?.sizeBytes;
  if (total !== undefined && expected !== undefined && total !== expected) {
    await response.discard();
    throw sizeError(total, expected, options);
  }
  options.onProgress?.(state.size, total ?? expected);
  const body = response.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await body.next().catch(interrupted);
      if (next.done === true) break;
      // The position is explicit: after a restart the handle's own would point past the end.
      const written = writeAll(state.file, next.value, state.size);
      state.hash.update(next.value); // while the disk works
      await written;
      state.size += next.value.length;
      if (expected !== undefined && state.size > expected) throw sizeError(state.size, expected, options);
      options.onProgress?.(state.size, total ?? expected);
    }
  } finally {
    await body.return?.();
  }
  if (total !== undefined && state.size < total) throw new Interrupted(`GET ${safeUrl(options.url)}: ended early`);
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

function totalBytes(state: State, { headers }: HttpResponse): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : state.size + Number(length);
}

function checkSize(size: number, options: DownloadOptions): void {
  const expected = options.expected?.sizeBytes;
  if (expected !== undefined && size !== expected) throw sizeError(size, expected, options);
}

function sizeError(size: number, expected: number, options: DownloadOptions): FledgeError {
  return new FledgeError("download", `GET ${safeUrl(options.url)}: ${size} bytes where ${expected} were expected`, {
    hint: "the file on the server is another one, or incomplete",
  });
}

function checkDigest(actual: Digest, options: DownloadOptions): void {
  const expected = options.expected?.digest;
  if (expected === undefined || actual === expected) return;
  throw new FledgeError("checksum", `${safeUrl(options.url)} has ${actual}; expected ${expected}`, {
    hint: "the file is not the one that the checksum was made for: check the URL, then the checksum",
  });
}

function interrupted(error: unknown): never {
  if (isFledgeError(error) && error.code === "download") throw new Interrupted(error.message, { cause: error });
  throw error;
}

/** A transfer that broke off and may be taken up again. */
class Interrupted extends Error {
  reported(state: State, options: DownloadOptions): FledgeError {
    const hint = isFledgeError(this.cause) ? this.cause.hint : "try again later";
    const size = options.expected?.sizeBytes;
    const of = size === undefined ? "" : ` of ${size}`;
    return new FledgeError("download", `${this.message}, after ${state.size}${of} bytes and ${ATTEMPTS} tries`, {
      hint,
      cause: this,
    });
  }
}
