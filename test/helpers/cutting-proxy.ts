import { connect, createServer, type Socket } from "node:net";

export type CuttingProxy = { readonly host: string; readonly cuts: () => number; close(): Promise<void> };

/** Passes connections on to `target` (HOST:PORT), and cuts each of the first ones after so many bytes of one direction. */
export async function startCuttingProxy(
  target: string,
  { after, direction }: { readonly after: readonly number[]; readonly direction: "up" | "down" },
): Promise<CuttingProxy> {
  const [address = "", port = ""] = target.split(":");
  const left = [...after];
  const open = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), address);
    const both = [client, upstream];
    for (const socket of both) open.add(socket.on("error", () => {}).on("close", () => open.delete(socket)));
    const [from, to] = direction === "up" ? [client, upstream] : [upstream, client];
    to.pipe(from);
    let passed = 0;
    from.on("data", (bytes: Buffer) => {
      passed += bytes.length;
      if (left[0] !== undefined && passed > left[0]) {
        left.shift();
        cuts++;
        for (const socket of both) socket.destroy();
      } else if (!to.destroyed) to.write(bytes);
    });
    from.on("end", () => to.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    host: `127.0.0.1:${bound.port}`,
    cuts: () => cuts,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
