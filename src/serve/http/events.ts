import { setTimeout as delay } from "node:timers/promises";
import type { BuildView, LoggedEvent } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import { buildOf, type Ctx, type Service } from "./context.ts";

/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 15_000;
const PIECE_LENGTH = 32_768;
/** How often one that waits is told its place. */
const POSITION_MS = 1_000;

/**
 * Answers with the events of a build as server-sent events: behind `Last-Event-ID`, as they come, until its end, which
 * has an event of its own (`end`, with the build): a stream that ends without it was cut. Nothing is read before it is
 * asked for, so that a reader who is slow, or never reads, costs a buffer.
 */
export async function streamEvents(c: Ctx, service: Service): Promise<Response> {
  const view = await buildOf(c, service);
  const after = c.req.header("last-event-id") ?? c.req.query("after") ?? "0";
  if (!/^\d{1,15}$/.test(after)) throw new Refusal("bad-request", "Last-Event-ID is not the number of an event");
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, service.signal]);
  const messages = messagesOf(view.id, { service, after: Number(after), signal });
  service.metrics.readers++;
  const stop = (): void => {
    if (!controller.signal.aborted) service.metrics.readers--;
    controller.abort();
  };
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        const { done, value } = await messages.next();
        if (!done) return stream.enqueue(encoder.encode(value));
        stop();
        stream.close();
      },
      async cancel() {
        stop();
        await messages.return();
      },
    },
    { highWaterMark: 0 },
  );
  c.header("Content-Type", "text/event-stream; charset=utf-8");
  c.header("Cache-Control", "no-store");
  c.header("X-Accel-Buffering", "no");
  return c.body(body);
}

type Reading = { readonly service: Service; readonly after: number; readonly signal: AbortSignal };

async function* messagesOf(
  id: string,
  { service: { queue }, after, signal }: Reading,
): AsyncGenerator<string, void, undefined> {
  const events = queue.events(id, after, signal)[Symbol.asyncIterator]();
  let next = ahead(events);
  let position: number | undefined;
  yield "retry: 1000\n\n";
  for (;;) {
    const view = await queue.get(id);
    if (view?.position !== undefined && view.position !== position) {
      position = view.position;
      yield message("position", { position });
    }
    const got = await within(next, view?.position === undefined ? HEARTBEAT_MS : POSITION_MS);
    if (got === undefined) {
      if (view?.position === undefined) yield ": still there\n\n";
      continue;
    }
    if (got.done === true) break;
    let text = logged(got.value);
    next = ahead(events);
    // What is there already goes out in one piece.
    while (text.length < PIECE_LENGTH) {
      const more = await Promise.race([next, soon()]);
      if (more === undefined || more.done === true) break;
      text += logged(more.value);
      next = ahead(events);
    }
    yield text;
  }
  const view = await queue.get(id);
  if (!signal.aborted && view !== undefined) yield message("end", view satisfies BuildView);
}

/** The next event; if there is none for an error, that is thrown when it is asked for. */
function ahead(events: AsyncIterator<LoggedEvent>): Promise<IteratorResult<LoggedEvent>> {
  const next = events.next();
  next.catch(() => {});
  return next;
}

async function soon(): Promise<undefined> {
  return await new Promise((resolve) => setImmediate(resolve, undefined));
}

/** Undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const clock = new AbortController();
  try {
    return await Promise.race([promise, delay(ms, undefined, { signal: clock.signal }).catch(() => undefined)]);
  } finally {
    clock.abort();
  }
}

function logged({ id, atMs, event }: LoggedEvent): string {
  return `id: ${id}\n${message(event.type, { atMs, ...event })}`;
}

/** JSON has no line breaks, which would end the data. */
function message(type: string, data: object): string {
  return `event: ${type.replace(/[^\w:.-]/g, "")}\ndata: ${JSON.stringify(data)}\n\n`;
}
