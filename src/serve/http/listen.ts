import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { type AddressInfo, connect, isIPv6 } from "node:net";
import { dirname } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { errnoOf, FledgeError, messageOf } from "../../lib/errors.ts";
import { makeFolders } from "../../lib/files/folders.ts";
import { ioError } from "../../lib/files/io-error.ts";
import type { App } from "./app.ts";

/** Where a service listens: a socket of its user's, or an address of the network. */
export type Listener =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** A service that listens. */
export type Listening = {
  /** `unix:///run/...` or `http://host:port`, as `build --remote` takes it. */
  readonly url: string;
  /** Cuts every connection that is still there. */
  close(): Promise<void>;
};

/** Starts to listen. Throws an `io` or `usage` error that says what is in the way. */
export async function listen(app: App, listener: Listener): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Uploads take as long as they take; who says nothing at all for long is cut off.
  server.requestTimeout = 0;
  server.headersTimeout = 15_000;
  server.keepAliveTimeout = 60_000;
  const url = listener.kind === "socket" ? await onSocket(server, listener.path) : await onTcp(server, listener);
  return {
    url,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function onSocket(server: Server, path: string): Promise<string> {
  await makeFolders(dirname(path)).catch((error: unknown) => {
    throw ioError(error, "create", dirname(path));
  });
  await removeDead(path);
  // Made with these rights, not given them later: between the two somebody could connect.
  const before = process.umask(0o177);
  try {
    await started(server, () => server.listen({ path }), path);
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
  return `unix://${path}`;
}

/** What a service that was killed has left; nobody answers there. */
async function removeDead(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw new FledgeError("io", `${path} is there, and is no socket`, { hint: "choose another with --socket" });
  if (await isAnswered(path)) {
    throw new FledgeError("usage", `another service listens at ${path}`, {
      hint: "end it, or choose another socket with --socket and another folder with --state",
    });
  }
  unlinkSync(path);
}

async function isAnswered(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    const answer = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.on("connect", () => answer(true)).on("error", () => answer(false));
  });
}

async function onTcp(server: Server, { host, port }: Extract<Listener, { kind: "tcp" }>): Promise<string> {
  await started(server, () => server.listen({ host, port }), `${host}:${port}`);
  const { port: bound } = server.address() as AddressInfo;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`;
}

async function started(server: Server, start: () => void, where: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, where)));
    server.once("listening", () => resolve());
    start();
  });
}

function listenError(error: unknown, where: string): FledgeError {
  switch (errnoOf(error)) {
    case "EADDRINUSE":
      return new FledgeError("usage", `cannot listen at ${where}: the address is in use`, {
        hint: "end what listens there (ss -ltnp), or choose another port",
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new FledgeError("usage", `cannot listen at ${where}: this machine has no such address`, {
        hint: "127.0.0.1 is this machine only, 0.0.0.0 all of its addresses",
        cause: error,
      });
    case "EACCES":
      return new FledgeError("privilege", `cannot listen at ${where}: permission denied`, {
        hint: "ports below 1024 are root's; choose another",
        cause: error,
      });
    default:
      return new FledgeError("io", `cannot listen at ${where}: ${messageOf(error)}`, {
        hint: "a socket's path has at most 107 bytes; choose another with --socket",
        cause: error,
      });
  }
}

/** The names by which a listener of this machine only is asked; undefined for one that others can reach. */
export function hostsOf(host: string, port: number, more: readonly string[]): ReadonlySet<string> | undefined {
  const isLoopback = host === "localhost" || host === "::1" || /^127\./.test(host);
  if (!isLoopback) return undefined;
  const names = ["localhost", "127.0.0.1", "[::1]", isIPv6(host) ? `[${host}]` : host];
  return new Set([...names.flatMap((name) => [name, `${name}:${port}`]), ...more.map((name) => name.toLowerCase())]);
}
