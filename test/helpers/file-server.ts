import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came in. */
export type Received = { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders };

/** How a path is answered. Of a list each request takes the next one, and the last one stays. */
export type Reply = (request: IncomingMessage, response: ServerResponse) => void;

export type TestServer = {
  readonly origin: string;
  /** The same server by another name: to a client, another origin. */
  readonly otherOrigin: string;
  readonly requests: readonly Received[];
  url(path: string): string;
};

export type FileOptions = {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Answer Range requests with 206. Default true. */
  readonly ranges?: boolean;
  /** Close the connection after so many bytes of the body. */
  readonly dropAfter?: number;
  /** Leave Content-Length out. */
  readonly chunked?: boolean;
};

/** A server of the test's own on 127.0.0.1; it is gone when the test has ended. */
export async function httpServer(routes: Readonly<Record<string, Reply | readonly Reply[]>>): Promise<TestServer> {
  const requests: Received[] = [];
  const counts = new Map<string, number>();
  const server = createServer((incoming, response) => {
    const { method = "", url: path = "", headers } = incoming;
    requests.push({ method, path, headers });
    const route = routes[path.split("?")[0] ?? ""];
    const replies = typeof route === "function" ? [route] : (route ?? [status(404)]);
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    replies[Math.min(count, replies.length - 1)]?.(incoming, response);
  });
  const port = await listen(server);
  const origin = `http://127.0.0.1:${port}`;
  return { origin, otherOrigin: `http://localhost:${port}`, requests, url: (path) => origin + path };
}

/** Bytes as a good file server has them: with a length, a validator, and ranges. */
export function file(bytes: Uint8Array | string, options: FileOptions = {}): Reply {
  const body = Buffer.from(bytes);
  const { etag = `"${createHash("md5").update(body).digest("hex")}"`, lastModified, ranges = true } = options;
  return ({ headers }, response) => {
    const validators = [etag, lastModified].filter((value) => value !== undefined && value !== "");
    const condition = headers["if-range"] as string | undefined;
    const mayResume = ranges && (condition === undefined || validators.includes(condition));
    const from = mayResume ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0) : 0;
    if (from >= body.length && from > 0) {
      response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      ...(etag !== "" && { etag }),
      ...(lastModified !== undefined && { "last-modified": lastModified }),
      ...(!options.chunked && { "content-length": body.length - from }),
      ...(from > 0 && { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` }),
    });
    if (options.dropAfter === undefined) response.end(body.subarray(from));
    else {
      // A little later, so that the client has read what came before.
      response.write(body.subarray(from, from + options.dropAfter), () => setTimeout(() => response.destroy(), 20));
    }
  };
}

export function status(code: number, headers: Record<string, string> = {}, body = ""): Reply {
  return (_request, response) => void response.writeHead(code, headers).end(body);
}

export function json(value: unknown, code = 200): Reply {
  return status(code, { "content-type": "application/json" }, JSON.stringify(value));
}

export function redirect(location: string, code = 302): Reply {
  return status(code, { location });
}

/** Exactly these bytes on the connection, which is closed then: for answers that no decent server gives. */
export function raw(head: string, body: Uint8Array | string = ""): Reply {
  return (_request, { socket }) => {
    socket?.write(`${head.trim().replaceAll("\n", "\r\n")}\r\n\r\n`);
    socket?.end(body);
  };
}

/** The body in pieces, one each `everyMs`. */
export function slow(bytes: Uint8Array, pieceBytes: number, everyMs: number): Reply {
  return (_request, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    let sent = 0;
    const timer = setInterval(() => {
      response.write(bytes.subarray(sent, sent + pieceBytes));
      sent += pieceBytes;
      if (sent >= bytes.length) response.end();
    }, everyMs);
    response.on("close", () => clearInterval(timer));
  };
}

/** No answer ever. */
export function hang(): Reply {
  return () => {};
}

/** A forward proxy; `requests` has what was asked of it: `CONNECT host:port`, or an absolute URI. */
export async function httpProxy(options: { readonly authorization?: string } = {}): Promise<TestServer> {
  const requests: Received[] = [];
  const isRefused = (headers: IncomingHttpHeaders): boolean =>
    options.authorization !== undefined && headers["proxy-authorization"] !== options.authorization;
  const server = createServer((incoming, response) => {
    const { method = "", url = "", headers } = incoming;
    requests.push({ method, path: url, headers });
    if (isRefused(headers)) {
      response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
      return;
    }
    const { "proxy-connection": _, "proxy-authorization": __, ...rest } = headers;
    const onward = request(url, { method, headers: rest }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    incoming.pipe(onward);
  });
  server.on("connect", ({ method = "", url = "", headers }: IncomingMessage, client) => {
    requests.push({ method, path: url, headers });
    if (isRefused(headers)) {
      client.end(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
      );
      return;
    }
    const { hostname, port } = new URL(`http://${url}`);
    client.on("close", () => onward.destroy());
    const onward = connect(Number(port || 80), hostname, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      onward.pipe(client);
      client.pipe(onward);
    });
    onward.on("error", () => client.destroy());
    client.on("error", () => onward.destroy());
  });
  const port = await listen(server);
  const origin = `http://127.0.0.1:${port}`;
  return { origin, otherOrigin: `http://localhost:${port}`, requests, url: (path) => origin + path };
}

/** A port of 127.0.0.1 at which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket.once("close", () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
