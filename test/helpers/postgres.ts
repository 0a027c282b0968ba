import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { QueueServer } from "./redis.ts";
import { ended, freePort, listens } from "./servers.ts";

/** Where Debian has its programs, the newest version's first. */
export function postgresFolder(): string | undefined {
  try {
    const versions = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
    return versions[0] === undefined ? undefined : `/usr/lib/postgresql/${versions[0]}/bin`;
  } catch {
    return undefined;
  }
}

/** Debian's `postgresql`, which does not run as root. */
export async function startPostgres(): Promise<QueueServer> {
  const programs = postgresFolder() ?? "";
  const folder = mkdtempSync(join(tmpdir(), "fledge-postgres-"));
  const [uid = 0, gid = 0] = ["-u", "-g"].map((flag) =>
    Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })),
  );
  chownSync(folder, uid, gid);
  const data = join(folder, "data");
  const who = { uid, gid, cwd: folder, stdio: "ignore" } as const;
  execFileSync(join(programs, "initdb"), ["-D", data, "-A", "trust", "-U", "fledge", "-N"], who);
  const port = await freePort();
  const args = ["-D", data, "-p", String(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"];
  const start = async (): Promise<ChildProcess> => {
    const server = spawn(join(programs, "postgres"), args, who);
    await listens(port);
    return server;
  };
  let server = await start();
  return {
    url: `postgres://fledge@127.0.0.1:${port}/postgres`,
    async restart() {
      // At once and without its farewells, but with its children.
      await ended(server, "SIGQUIT");
      server = await start();
    },
    async stop() {
      await ended(server, "SIGQUIT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
