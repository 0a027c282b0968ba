import { connect, createServer, type Socket } from "node:net";
import { Transform, type TransformCallback } from "node:stream";

export type SlowProxy = { readonly host: string; close(): Promise<void> };

/** Passes connections on to `target` (HOST:PORT): what is asked comes late, and each connection has so much a second each way. */
export async function startSlowProxy(
  target: string,
  { latencyMs, bytesPerSecond }: { readonly latencyMs: number; readonly bytesPerSecond: number },
): Promise<SlowProxy> {
  const [address = "", port = ""] = target.split(":");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), address);
    for (const socket of [client, upstream])
      open.add(socket.on("error", () => {}).on("close", () => open.delete(socket)));
    client.pipe(slowed(latencyMs, bytesPerSecond)).pipe(upstream);
    upstream.pipe(slowed(0, bytesPerSecond)).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    host: `127.0.0.1:${bound.port}`,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Whatever follows a silence is late by the latency; a body that goes on only has its bandwidth. */
function slowed(latencyMs: number, bytesPerSecond: number): Transform {
  let freeAt = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: string, done: TransformCallback) {
      const now = performance.now();
      const start = now - freeAt > SILENCE_MS ? now + latencyMs : Math.max(now, freeAt);
      freeAt = start + (chunk.length / bytesPerSecond) * 1000;
      setTimeout(() => done(null, chunk), freeAt - now);
    },
  });
}

const SILENCE_MS = 10;
