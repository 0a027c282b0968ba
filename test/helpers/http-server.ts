import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";

/** How one answer goes wrong (or right). The first rule whose turn it is applies to a request; the last one stays. */
export type Answer = {
  readonly status?: number;
  readonly body?: Uint8Array | string;
  readonly headers?: Record<string, string>;
  /** Cut the connection after so many bytes of the body. */
  readonly dropAfter?: number;
  /** How long the other side has to take those bytes: what it has not read by then is lost with the connection. Default 20. */
  readonly dropDelayMs?: number;
  /** Cut the connection instead of answering. */
  readonly dropAtOnce?: boolean;
  /** What the content-length header says, whatever the body is; `null` leaves it out (chunked). */
  readonly contentLength?: number | null;
  readonly etag?: string;
  readonly lastModified?: string;
  readonly ignoreRange?: boolean;
  /** Send the first half, then nothing more. */
  readonly stall?: boolean;
  /** Send a byte, and so on after so many milliseconds. */
  readonly trickleMs?: number;
  /** Milliseconds before the headers. */
  readonly delayMs?: number;
};

export type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type TestServer = {
  /** `http://127.0.0.1:PORT`; `http://localhost:PORT` is the same server under another origin. */
  readonly origin: string;
  readonly otherOrigin: string;
  readonly port: number;
  readonly received: Received[];
  /** Sets the answers of a path, one per request; the last is repeated. */
  on(path: string, ...answers: Answer[]): string;
  close(): Promise<void>;
};

/** A real server on the loopback interface that misbehaves on demand. */
export async function startServer(): Promise<TestServer> {
  const routes = new Map<string, Answer[]>();
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const url = request.url ?? "/";
      received.push({ method: request.method ?? "", url, headers: request.headers, body });
      const answers = routes.get(url.replace(/[?].*$/, ""));
      const answer = (answers !== undefined && answers.length > 1 ? answers.shift() : answers?.[0]) ?? { status: 404 };
      setTimeout(() => send(answer, request, response), answer.delayMs ?? 0);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    port,
    received,
    on(path, ...answers) {
      routes.set(path, answers);
      return `http://127.0.0.1:${port}${path}`;
    },
    close: () => closeServer(server),
  };
}

/** A forward proxy: plain http by absolute URL, and CONNECT. Every host name is taken to be `target`. */
export async function startProxy(targetPort: number): Promise<{ url: string; seen: string[]; close(): Promise<void> }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
    const url = new URL(request.url ?? "/");
    const upstream = connect(targetPort, "127.0.0.1", () => {
      upstream.write(`${request.method} ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
    });
    response.socket && upstream.pipe(response.socket);
  });
  server.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen, close: () => closeServer(server) };
}

/** Reproducible bytes that do not compress and differ at every offset. */
export function noise(size: number, seed = "noise"): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < size; at += 32) blocks.push(createHash("sha256").update(`${seed}${at}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

function send(answer: Answer, request: IncomingMessage, response: ServerResponse): void {
  if (answer.dropAtOnce) return void request.socket.destroy();
  const whole = Buffer.from(answer.body ?? "");
  const range = answer.ignoreRange ? undefined : honoured(answer, request, whole.length);
  const body = range === undefined ? whole : whole.subarray(range);
  const length = answer.contentLength === undefined ? body.length : answer.contentLength;
  response.writeHead(range === undefined ? (answer.status ?? 200) : 206, {
    ...(length === null ? {} : { "content-length": length }),
    ...(range === undefined ? {} : { "content-range": `bytes ${range}-${whole.length - 1}/${whole.length}` }),
    ...(answer.etag === undefined ? {} : { etag: answer.etag }),
    ...(answer.lastModified === undefined ? {} : { "last-modified": answer.lastModified }),
    ...answer.headers,
  });
  if (answer.stall) return void response.write(body.subarray(0, body.length >> 1));
  if (answer.trickleMs !== undefined) return void trickle(body, response, answer.trickleMs);
  if (answer.dropAfter === undefined) {
    // Raw, so that a length that lies is not refused by node:http.
    response.write(body, () =>
      length === body.length || length === null ? response.end() : request.socket.destroySoon(),
    );
    return;
  }
  response.write(body.subarray(0, answer.dropAfter), () =>
    setTimeout(() => request.socket.destroy(), answer.dropDelayMs ?? 20),
  );
}

function trickle(body: Buffer, response: ServerResponse, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, ++at));
    if (at < body.length) return;
    clearInterval(timer);
    response.end();
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}

function honoured(answer: Answer, request: IncomingMessage, size: number): number | undefined {
  const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const validator = request.headers["if-range"];
  if (start === undefined || Number(start) >= size) return undefined;
  return validator === undefined || validator === (answer.etag ?? answer.lastModified) ? Number(start) : undefined;
}

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
