import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "./context.ts";
import { type Answer, startServer, type TestServer } from "./http-server.ts";
import type { TestDescriptor, TestImage } from "./images.ts";
import { pullContext } from "./pull.ts";
import { tempDir } from "./temp.ts";

/** A registry that serves one image as `team/app:v1`, and fails in the ways that it is told. */
export type FaultyRegistry = {
  readonly server: TestServer;
  readonly host: string;
  readonly image: string;
  /** The answers for a blob, before the right one. */
  blob(descriptor: TestDescriptor | undefined, ...faults: Answer[]): void;
  /** The answers for the tag's manifest, before the right one. */
  manifest(...faults: Answer[]): void;
  /** The 401 that sends a client to the token service, at `/token`. */
  readonly challenge: Answer;
  token(...answers: Answer[]): void;
  /** The `Authorization` headers that a path was asked with. */
  shown(path: string): (string | undefined)[];
  /** A build's context with these credentials for it, as a member of `auths`. */
  login(entry: object): TestContext;
};

const BASE = "/v2/team/app";

export async function startFaultyRegistry(image: TestImage): Promise<FaultyRegistry> {
  const server = await startServer();
  const host = `127.0.0.1:${server.port}`;
  const bytesOf = (descriptor: TestDescriptor): Buffer => image.blobs.get(descriptor.digest) ?? Buffer.alloc(0);
  const whole = (descriptor: TestDescriptor): Answer => ({
    body: bytesOf(descriptor),
    headers: { "content-type": descriptor.mediaType },
  });
  const blobPath = ({ digest }: TestDescriptor): string => `${BASE}/blobs/${digest}`;
  const right = whole(image.descriptor);
  for (const blob of [image.config, ...image.layers]) server.on(blobPath(blob), whole(blob));
  server.on(`${BASE}/manifests/v1`, right);
  server.on(`${BASE}/manifests/${image.descriptor.digest}`, right);
  return {
    server,
    host,
    image: `${host}/team/app:v1`,
    blob(descriptor = image.config, ...faults) {
      server.on(blobPath(descriptor), ...faults, whole(descriptor));
    },
    manifest: (...faults) => void server.on(`${BASE}/manifests/v1`, ...faults, right),
    challenge: {
      status: 401,
      headers: {
        "www-authenticate": `Bearer realm="${server.origin}/token",service="test",scope="repository:team/app:pull"`,
      },
      body: '{"errors":[{"code":"UNAUTHORIZED"}]}',
    },
    token: (...answers) => void server.on("/token", ...answers),
    shown: (path) =>
      server.received.filter(({ url }) => url.startsWith(path)).map(({ headers }) => headers.authorization),
    login(entry) {
      const home = tempDir();
      mkdirSync(join(home, ".docker"));
      writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ auths: { [host]: entry } }));
      return pullContext({ HOME: home });
    },
  };
}
