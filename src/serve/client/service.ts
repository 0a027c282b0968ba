import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Env } from "../../lib/context.ts";
import { type Digest, digestOf } from "../../lib/digest.ts";
import { type ErrorData, FledgeError, isFledgeError } from "../../lib/errors.ts";
import { type HttpOptions, type HttpResponse, openHttp, readBody } from "../../lib/network/http.ts";
import { backoffMs, sleep } from "../../lib/network/retry.ts";
import type { BuildView, QueueEvent, Submitted } from "../queue/index.ts";
import type { Address } from "./address.ts";
import { readMessages } from "./messages.ts";

/** How a service is talked to. */
export type Connection = {
  readonly address: Address;
  readonly token?: string | undefined;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
};

/** What comes of a build while it is followed; the last is its end. */
export type Followed =
  | { readonly kind: "event"; readonly event: QueueEvent }
  | { readonly kind: "position"; readonly position: number }
  | { readonly kind: "end"; readonly view: BuildView };

const MAX_ANSWER_BYTES = 16 * 2 ** 20;
/** Times in a row that a connection may break before a build is given up. */
const TRIES = 8;
/** The service says something every 15 s. */
const SILENCE_MS = 60_000;

/** A service's answers. Methods throw its own error, or a `download` error when it cannot be reached. */
export class RemoteService {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends a project, again while the queue is full or the connection breaks: the key makes it one build. */
  async submit(query: URLSearchParams, key: string, body: () => AsyncIterable<Uint8Array>): Promise<Submitted> {
    const headers = { "content-type": "application/x-tar", "idempotency-key": key };
    for (let count = 1; ; count++) {
      try {
        const response = await this.#ask(`/v1/builds?${query}`, { method: "POST", headers, body });
        if (response.status === 202) return (await jsonOf(response)) as Submitted;
        await this.#waitOrThrow(response);
      } catch (error) {
        if (!isBroken(error) || count >= TRIES) throw error;
        await this.#pause(count);
      }
    }
  }

  /** What happens to a build, in order and each once, over as many connections as it takes; ends with its end. */
  async *follow(id: string): AsyncGenerator<Followed, void, undefined> {
    let last = "0";
    for (let failures = 0; ; ) {
      try {
        const response = await this.#ask(`/v1/builds/${id}/events`, {
          headers: { "last-event-id": last, accept: "text/event-stream" },
          idleTimeoutMs: SILENCE_MS,
        });
        if (response.status !== 200) throw await errorOf(response);
        for await (const { id: place, event, data } of readMessages(response.body)) {
          failures = 0;
          last = place ?? last;
          const value: unknown = JSON.parse(data);
          if (event === "end") return yield { kind: "end", view: value as BuildView };
          if (event === "position") yield { kind: "position", position: (value as { position: number }).position };
          else yield { kind: "event", event: value as QueueEvent };
        }
      } catch (error) {
        if (!isBroken(error) || failures >= TRIES) throw error;
      }
      if (++failures > TRIES) throw this.#lost(id);
      await this.#pause(failures);
    }
  }

  async cancel(id: string): Promise<void> {
    const response = await this.#ask(`/v1/builds/${id}`, { method: "DELETE" });
    await response.discard();
  }

  async text(id: string, what: string): Promise<string> {
    const response = await this.#ask(`/v1/builds/${id}/${what}`, {});
    if (response.status !== 200) throw await errorOf(response);
    return (await readBody(response, MAX_ANSWER_BYTES)).toString("utf8");
  }

  /** Writes what a build has made into a new file, goes on where a connection broke, and returns the digest of it. */
  async download(
    id: string,
    {
      to,
      sizeBytes,
      progress,
    }: { readonly to: string; readonly sizeBytes: number; readonly progress: (bytes: number) => void },
  ): Promise<Digest> {
    const hash = createHash("sha256");
    const file = await open(to, "wx");
    try {
      let at = 0;
      for (let failures = 0; at < sizeBytes || failures === 0; failures++) {
        try {
          const before = at;
          for await (const chunk of this.#bytes(id, at)) {
            hash.update(chunk);
            await writeAt(file, chunk, at);
            at += chunk.length;
            progress(at);
          }
          if (at > before) failures = 0;
          if (at >= sizeBytes) break;
        } catch (error) {
          if (!isBroken(error) || failures >= TRIES) throw error;
        }
        if (failures >= TRIES) throw this.#lost(id);
        await this.#pause(failures + 1);
      }
      await file.truncate(at);
      await file.sync();
      return digestOf(hash);
    } finally {
      await file.close();
    }
  }

  async *#bytes(id: string, from: number): AsyncGenerator<Uint8Array, void, undefined> {
    const headers = from === 0 ? {} : { range: `bytes=${from}-` };
    const response = await this.#ask(`/v1/builds/${id}/artifact`, { headers });
    if (response.status !== 200 && response.status !== 206) throw await errorOf(response);
    yield* response.body;
  }

  async #ask(path: string, options: Partial<HttpOptions>): Promise<HttpResponse> {
    const { address, token, env, signal, log } = this.#connection;
    const { headers, ...rest } = options;
    return await openHttp(`${address.base}${path}`, {
      // Builds that use no network are sent by one all the same.
      ...{ env: { ...env, FLEDGE_OFFLINE: undefined }, signal, log, tries: 1, minBytesPerSecond: 0 },
      ...{ socketPath: address.socketPath, allowStatus: [...Array(200).keys()].map((index) => 400 + index) },
      ...rest,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
  }

  async #waitOrThrow(response: HttpResponse): Promise<void> {
    const error = await errorOf(response);
    if (response.status !== 429) throw error;
    const seconds = Math.min(60, Number(response.headers["retry-after"] ?? 5) || 5);
    this.#connection.log(`${error.message}; trying again in ${seconds} s`);
    await sleep(seconds * 1000, this.#connection.signal);
  }

  async #pause(failures: number): Promise<void> {
    const { address, signal, log } = this.#connection;
    log(`the connection to ${address.text} broke, trying again`);
    await sleep(Math.min(backoffMs(failures), 10_000), signal);
  }

  #lost(id: string): FledgeError {
    return new FledgeError("download", `the connection to ${this.#connection.address.text} breaks again and again`, {
      hint: `the build may go on there: it is called ${id}`,
    });
  }
}

/** What a connection that broke throws, and the client's own wait for it; not what the service says. */
function isBroken(error: unknown): boolean {
  return isFledgeError(error) && error.code === "download" && !(error instanceof Answered);
}

/** An error that a service has answered with. */
class Answered extends FledgeError {}

async function errorOf(response: HttpResponse): Promise<FledgeError> {
  const data = ((await jsonOf(response).catch(() => undefined)) ?? {}) as { error?: Partial<ErrorData> };
  const { message, hint, problems } = data.error ?? {};
  if (message === undefined) {
    return new Answered("download", `the service answers with status ${response.status}, and says no more`, {
      hint: "is it a fledge serve? look at what is between it and this machine",
    });
  }
  const code = response.status === 422 || response.status === 413 ? "source" : "usage";
  return new Answered(code, `the service says: ${message}`, { hint, ...(problems !== undefined && { problems }) });
}

async function jsonOf(response: HttpResponse): Promise<unknown> {
  return JSON.parse((await readBody(response, MAX_ANSWER_BYTES)).toString("utf8"));
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
