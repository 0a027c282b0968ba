import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A server in front of another one, which notes what is asked for. */
export type RecordingProxy = {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `GET /v2/...`, in the order in which they came, since the last look. */
  seen(): string[];
  close(): Promise<void>;
};

/** Passes every request on to `target` (`127.0.0.1:PORT`). */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const asked: string[] = [];
  const [hostname, port] = target.split(":");
  const server = createServer((incoming, response) => {
    const { method, url: path, headers } = incoming;
    asked.push(`${method} ${path}`);
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: () => asked.splice(0),
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
