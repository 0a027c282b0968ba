import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Missing, requireTools } from "./requirements.ts";
import { ended, freePort } from "./servers.ts";

export type Login = { readonly username: string; readonly password: string };

export type RegistryOptions = { readonly tls?: boolean; readonly login?: Login };

/** The real server of the `docker-registry` package on a free port of 127.0.0.1. */
export type Registry = {
  readonly host: string;
  /** The PEM file of the authority that signed its certificate, with `tls`. */
  readonly ca: string | undefined;
  /** A folder that goes with the registry. */
  scratch(): string;
  /** Copies from skopeo's `SOURCE` (`oci:DIR:TAG`) to `NAME:TAG` here. */
  push(source: string, name: string, ...flags: readonly string[]): void;
  /** Changes a byte of each blob of a repository where it is stored; returns how many that are. */
  rot(repository: string): number;
  stop(): Promise<void>;
};

export function needsRegistry(): Missing {
  return requireTools("docker-registry", "skopeo", "htpasswd", "openssl");
}

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-registry-"));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const ca = options.tls ? makeCertificates(folder) : undefined;
  writeFileSync(join(folder, "config.yml"), JSON.stringify(configOf(folder, port, options)));
  const server = spawn("docker-registry", ["serve", join(folder, "config.yml")], { stdio: "ignore" });
  const { login } = options;
  const registry: Registry = {
    host,
    ca,
    scratch: () => mkdtempSync(join(folder, "scratch-")),
    push(source, name, ...flags) {
      const creds = login === undefined ? [] : [`--dest-creds=${login.username}:${login.password}`];
      const to = `docker://${host}/${name}`;
      execFileSync("skopeo", ["copy", "--quiet", "--dest-tls-verify=false", ...creds, ...flags, source, to]);
    },
    rot(repository) {
      const data = join(folder, "data/docker/registry/v2");
      const digests = readdirSync(join(data, "repositories", repository, "_layers/sha256"));
      for (const hex of digests) {
        const blob = join(data, "blobs/sha256", hex.slice(0, 2), hex, "data");
        const bytes = readFileSync(blob);
        bytes.writeUInt8((bytes[0] ?? 0) ^ 1, 0);
        writeFileSync(blob, bytes);
      }
      return digests.length;
    },
    async stop() {
      await ended(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await answers(port, options.tls === true);
  } catch (error) {
    await registry.stop();
    throw error;
  }
  return registry;
}

function configOf(folder: string, port: number, { tls, login }: RegistryOptions): object {
  const htpasswd = join(folder, "htpasswd");
  if (login !== undefined) {
    writeFileSync(htpasswd, execFileSync("htpasswd", ["-Bbn", login.username, login.password]));
  }
  return {
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(tls && { tls: { certificate: join(folder, "server.pem"), key: join(folder, "server.key") } }),
    },
    ...(login && { auth: { htpasswd: { realm: "test", path: htpasswd } } }),
  };
}

function makeCertificates(folder: string): string {
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  };
  writeFileSync(join(folder, "san.cnf"), "subjectAltName=IP:127.0.0.1\n");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA");
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1");
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san.cnf"];
  openssl("x509", "-req", "-in", "server.csr", ...signed, "-out", "server.pem");
  return join(folder, "ca.pem");
}

async function answers(port: number, tls: boolean): Promise<void> {
  for (let left = 100; left > 0; left--) {
    const ok = await new Promise<boolean>((resolve) => {
      const send = tls ? requestTls : request;
      const asked = send({ host: "127.0.0.1", port, path: "/v2/", rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(true);
      });
      asked.on("error", () => resolve(false));
      asked.end();
    });
    if (ok) return;
    await delay(100);
  }
  throw new Error("docker-registry does not answer");
}
