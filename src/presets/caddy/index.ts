import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { localUrl } from "../port.ts";
import { eitherSiteOrProxy, webOptions } from "../web-options.ts";

const CADDYFILE = "/etc/caddy/Caddyfile";

/** Caddy on its image, which serves a folder or is a proxy. */
export default definePreset({
  name: "caddy",
  description: "Caddy: a folder as a web site, or a proxy",
  url: import.meta.url,
  options: z.strictObject(webOptions("Caddy")).refine(...eitherSiteOrProxy),
  setup: ({ site, proxy, port }, { resolve }) => ({
    strategy: "oci_rootfs",
    source: { image: "caddy:alpine" },
    ...(site !== undefined && { mappings: { [resolve(site)]: "/srv/www" } }),
    manifest: {
      workload: {
        entrypoint: ["caddy", "run", "--config", CADDYFILE, "--adapter", "caddyfile"],
        env: { XDG_CONFIG_HOME: "/var/lib", XDG_DATA_HOME: "/var/lib" },
        baseUrl: localUrl(port),
      },
    },
    test: { boot: [{ until: site === undefined ? { port } : { http: "/" } }] },
    hooks: {
      "rootfs:merged": ({ rootfs }) => {
        const served = proxy === undefined ? "root * /srv/www\n  encode gzip\n  file_server" : `reverse_proxy ${proxy}`;
        rootfs.writeFile(CADDYFILE, `{\n  admin off\n}\nhttp://:${port} {\n  ${served}\n}\n`);
      },
    },
  }),
});
