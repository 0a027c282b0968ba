import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ended, freePort, listens } from "./servers.ts";

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
    await listens(port);
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
