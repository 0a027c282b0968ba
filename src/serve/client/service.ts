import { randomUUID } from "node:crypto";
import { createGzip } from "node:zlib";
import type { Env } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { type ErrorData, errnoOf, FledgeError, isFledgeError } from "../../lib/errors.ts";
import { writeSparseFile } from "../../lib/files/sparse.ts";
import { type HttpOptions, type HttpResponse, openHttp, readBody } from "../../lib/network/http.ts";
import { backoffMs, sleep } from "../../lib/network/retry.ts";
import type { BuildView, QueueEvent, Submitted } from "../queue/index.ts";
import type { BuildRequest } from "../request.ts";
import type { Address } from "./address.ts";
import type { Elsewhere, Followed } from "./elsewhere.ts";
import { readMessages } from "./messages.ts";

/** How a service is talked to. */
export type Connection = {
  readonly address: Address;
  readonly token?: string | undefined;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
};

const MAX_ANSWER_BYTES = 16 * 2 ** 20;
/** Times in a row that a connection may break before a build is given up. */
const TRIES = 8;
/** Where nobody listens: a service that is started again is back by then, some seconds later. */
const ABSENT_TRIES = 5;
/** The service says something every 15 s. */
const SILENCE_MS = 60_000;

/** A service's answers. Methods throw its own error, or a `download` error when it cannot be reached. */
export class RemoteService implements Elsewhere {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get name(): string {
    return this.#connection.address.text;
  }

  /** Again while the queue is full or the connection breaks: the key makes it one build. */
  async submit(request: BuildRequest, bundle: () => AsyncIterable<Uint8Array>): Promise<Submitted> {
    const headers = { "content-type": "application/x-tar", "idempotency-key": randomUUID() };
    const given = Object.entries(request).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(Object.fromEntries(given.map(([key, value]) => [key, String(value)])));
    const isNear = this.#connection.address.socketPath !== undefined;
    const body = () => (isNear ? bundle() : zipped(bundle()));
    for (let count = 1; ; count++) {
      try {
        const response = await this.#ask(`/v1/builds?${query}`, { method: "POST", headers, body });
        if (response.status === 202) return (await jsonOf(response)) as Submitted;
        await this.#waitOrThrow(response);
      } catch (error) {
        if (isAbsent(error) && count >= ABSENT_TRIES) throw this.#absent(error);
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

  async manifest(id: string): Promise<string> {
    const response = await this.#ask(`/v1/builds/${id}/manifest`, {});
    if (response.status !== 200) throw await errorOf(response);
    return (await readBody(response, MAX_ANSWER_BYTES)).toString("utf8");
  }

  /** Writes what a build has made into a new file, with its holes, over as many connections as it takes; returns its digest. */
  async download(
    id: string,
    {
      to,
      sizeBytes,
      progress,
    }: { readonly to: string; readonly sizeBytes: number; readonly progress: (bytes: number) => void },
  ): Promise<Digest> {
    return (await writeSparseFile(to, this.#artifact(id, sizeBytes, progress))).digest;
  }

  async *#artifact(
    id: string,
    sizeBytes: number,
    progress: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0, failures = 0; at < sizeBytes; ) {
      try {
        for await (const chunk of this.#bytes(id, at)) {
          failures = 0;
          at += chunk.length;
          progress(at);
          yield chunk;
        }
      } catch (error) {
        if (!isBroken(error) || failures >= TRIES) throw error;
      }
      if (at >= sizeBytes) return;
      if (++failures > TRIES) throw this.#lost(id);
      await this.#pause(failures);
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

  #absent(cause: unknown): FledgeError {
    return new FledgeError("download", `no service listens at ${this.#connection.address.text}`, {
      hint: "fledge serve says where it listens when it starts",
      cause,
    });
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

function isAbsent(error: unknown): boolean {
  const errno = isFledgeError(error) ? errnoOf(error.cause) : undefined;
  return errno === "ECONNREFUSED" || errno === "ENOENT";
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

/** Fast rather than small: what is large in a project is mostly packed already. */
function zipped(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const zip = createGzip({ level: 1 });
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (!zip.write(chunk)) await new Promise((resolve) => zip.once("drain", resolve));
    }
    zip.end();
  };
  feed().catch((error: Error) => zip.destroy(error));
  return zip;
}
