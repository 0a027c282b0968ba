import { type RunContext, throwIfAborted } from "../lib/context.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import type { HttpResponse } from "../lib/network/http.ts";
import { backoffMs, sleep } from "../lib/network/retry.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Descriptor } from "./manifest.ts";

/** Breaks in a row, none of which brought anything worth mentioning, before a place is given up. */
const MAX_FRUITLESS = 4;
const FRUITFUL_BYTES = 64 * 1024;
const FIRST_PAUSE_MS = 100;

/**
 * A blob from its first byte to its last. Where the connection breaks, or the server stops early, it goes on from there by
 * Range; when a place fails for good, at the next one. Not verified: wrong bytes are for the reader to notice.
 */
export async function* streamBlob(
  endpoints: readonly Endpoint[],
  descriptor: Descriptor,
  ctx: RunContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const state = { offset: 0 };
  for (const [i, endpoint] of endpoints.entries()) {
    try {
      yield* streamFrom(endpoint, descriptor, state, ctx);
      return;
    } catch (error) {
      if (!isFledgeError(error) || error.code === "aborted" || i === endpoints.length - 1) throw error;
      ctx.log(`${error.message}; the next registry is asked`);
    }
  }
}

async function* streamFrom(
  endpoint: Endpoint,
  { digest, size }: Descriptor,
  state: { offset: number },
  ctx: RunContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let fruitless = 0; ; ) {
    throwIfAborted(ctx.signal);
    const from = state.offset;
    const range = from === 0 ? {} : { range: `bytes=${from}-` };
    const response = await endpoint.get(`blobs/${digest}`, { "accept-encoding": "identity", ...range }, [404, 416]);
    if (response.status === 404) throw await absent(response, digest, endpoint);
    if (response.status === 416) return response.discard(); // Nothing follows: the reader sees that it is too short.
    let broke: FledgeError | undefined;
    try {
      for await (const chunk of bodyFrom(response, from, digest)) {
        state.offset += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!isFledgeError(error) || error.code !== "download") throw error;
      broke = error;
    }
    if (state.offset >= size) return;
    fruitless = state.offset - from >= FRUITFUL_BYTES ? 0 : fruitless + 1;
    if (fruitless >= MAX_FRUITLESS) {
      if (broke !== undefined) throw broke;
      return;
    }
    ctx.log(`blob ${digest} of ${endpoint.place.host} broke off at byte ${state.offset}; going on from there`);
    await sleep(backoffMs(fruitless + 1, FIRST_PAUSE_MS), ctx.signal);
  }
}

/** The bytes from `offset` on; a server that does not know Range sends the part before it again. */
async function* bodyFrom(
  response: HttpResponse,
  offset: number,
  digest: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let skip = offset;
  if (response.status === 206) {
    const start = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== offset) {
      await response.discard();
      throw new FledgeError("download", `blob ${digest}: the server sent another part than it was asked for`);
    }
    skip = 0;
  }
  for await (const chunk of response.body) {
    const step = Math.min(skip, chunk.length);
    skip -= step;
    if (step < chunk.length) yield step === 0 ? chunk : chunk.subarray(step);
  }
}

async function absent(response: HttpResponse, digest: string, endpoint: Endpoint): Promise<FledgeError> {
  const { text } = await endpoint.words(response);
  const said = text === undefined ? "" : ` (${text})`;
  const { host, repository } = endpoint.place;
  return new FledgeError("download", `${host} has no blob ${digest} in ${repository}${said}`, {
    hint: "the image is incomplete there; push it again",
  });
}
