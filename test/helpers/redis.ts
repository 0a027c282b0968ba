import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A server of a queue, on a free port of 127.0.0.1. */
export type QueueServer = {
  readonly url: string;
  /** Ends it as a crash would, and starts it again with what it has kept. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** Debian's `redis-server`, which keeps what it is told. */
export async function startRedis(): Promise<QueueServer> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-redis-"));
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""];
  const start = async (): Promise<ChildProcess> => {
    const server = spawn("redis-server", args, { stdio: "ignore" });
    await answers(port);
    return server;
  };
  let server = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await ended(server);
      server = await start();
    },
    async stop() {
      await ended(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function ended(server: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill(signal);
  await once(server, "exit");
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Waits until somebody listens at a port. */
export async function answers(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (tries > 300) throw error;
      await delay(100);
    } finally {
      socket.destroy();
    }
  }
}
