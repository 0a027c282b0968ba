import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type TlsServer = {
  readonly port: number;
  /** The self-signed certificate for files.test and localhost, PEM. */
  readonly certificate: string;
  close(): Promise<void>;
};

/** An https server whose certificate nobody trusts; `/down` redirects to plain http. */
export async function startTlsServer(): Promise<TlsServer> {
  const dir = mkdtempSync(join(tmpdir(), "fledge-tls-"));
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  execFileSync(
    "openssl",
    [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=files.test".split(" "),
      ...["-addext", "subjectAltName=DNS:files.test,DNS:localhost,IP:127.0.0.1"],
      ...["-keyout", key],
      ...["-out", cert],
    ],
    { stdio: "ignore" },
  );
  const certificate = readFileSync(cert, "utf8");
  const server = createServer({ key: readFileSync(key), cert: certificate }, (request, response) => {
    if (request.url === "/down") response.writeHead(302, { location: "http://files.test/x?token=s3cret" });
    response.end("secure");
  });
  rmSync(dir, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A proxy that tunnels every CONNECT to one port of this machine. */
export async function startTunnel(
  targetPort: number,
): Promise<{ url: string; seen: string[]; close(): Promise<void> }> {
  const seen: string[] = [];
  const proxy = createProxy();
  proxy.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
    const upstream = connect(targetPort, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connected\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream])
      end.on("error", () => {}).on("close", () => [socket, upstream].map((s) => s.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    seen,
    close: () => new Promise((resolve) => proxy.close(() => resolve())),
  };
}
