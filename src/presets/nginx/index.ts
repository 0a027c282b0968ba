import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { localUrl } from "../port.ts";
import { eitherSiteOrProxy, webOptions } from "../web-options.ts";

const headerName = z.string().regex(/^[\w-]+$/, "is not the name of a header");
// nginx would take what follows a $ for the name of a variable, and has no way to write one.
const headerValue = z.string().regex(/^[^$\r\n]*$/, "must not hold $ or line ends");

const options = z
  .strictObject({
    ...webOptions("nginx"),
    headers: z.record(headerName, headerValue).default({}).describe("headers of every answer"),
  })
  .refine(...eitherSiteOrProxy);

/** nginx on the image `nginx:alpine`, which serves a folder or is a proxy. */
export default definePreset({
  name: "nginx",
  description: "nginx: a folder as a web site, or a proxy",
  url: import.meta.url,
  options,
  setup: ({ site, ...server }, { resolve }) => ({
    strategy: "oci_rootfs",
    source: { image: "nginx:alpine" },
    ...(site !== undefined && { mappings: { [resolve(site)]: "/srv/www" } }),
    manifest: {
      workload: { entrypoint: ["nginx", "-g", "daemon off;"], baseUrl: localUrl(server.port) },
    },
    test: { boot: [{ until: site === undefined ? { port: server.port } : { http: "/" } }] },
    // Before the mappings, so that a config can map an nginx.conf of its own over it.
    hooks: { "rootfs:merged": ({ rootfs }) => rootfs.writeFile("/etc/nginx/nginx.conf", configOf(server)) },
  }),
});

type Server = Pick<z.output<typeof options>, "proxy" | "port" | "headers">;

function configOf({ proxy, port, headers }: Server): string {
  const location =
    proxy === undefined
      ? "root /srv/www; index index.html;"
      : `proxy_pass ${proxy}; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`;
  const added = Object.entries(headers).map(([name, value]) => `    add_header ${name} ${quoted(value)} always;`);
  return `worker_processes auto;
error_log stderr;
events {}
http {
  include mime.types;
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  server {
    listen ${port};
${added.map((line) => `${line}\n`).join("")}    location / { ${location} }
  }
}
`;
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
