import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came in. */
type Received = { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders };

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
