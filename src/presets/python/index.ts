import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { FledgeError } from "../../lib/errors.ts";
import { localUrl, port } from "../port.ts";

const APP = "/srv/app";

/** How each server is told where to listen and what to serve. */
const SERVERS = {
  gunicorn: (port: number, wsgi: string) => ["--bind", `0.0.0.0:${port}`, wsgi],
  waitress: (port: number, wsgi: string) => [`--listen=*:${port}`, wsgi],
} as const;

/** A Python web application from a folder, served over WSGI. */
export default definePreset({
  name: "python",
  description: "a Python web application from a folder, served over WSGI",
  url: import.meta.url,
  options: z.strictObject({
    app: z.string().min(1).describe("folder of the application; packages in its folder vendor are found"),
    wsgi: z
      .string()
      .regex(/^[\w.]+:[\w.]+(\(.*\))?$/, "is not MODULE:CALLABLE, such as app:app")
      .default("app:app")
      .describe("module and callable"),
    server: z.enum(["gunicorn", "waitress"]).default("gunicorn").describe("server, from the image or vendor"),
    port: port("the server", 8000),
  }),
  setup: ({ app, wsgi, server, port }, { resolve }) => ({
    strategy: "oci_rootfs",
    source: { image: "python:3-alpine" },
    mappings: { [resolve(app)]: APP },
    manifest: {
      workload: {
        entrypoint: ["python3", "-m", server, ...SERVERS[server](port, wsgi)],
        workdir: APP,
        env: { PYTHONPATH: `${APP}:${APP}/vendor`, PYTHONUNBUFFERED: "1" },
        baseUrl: localUrl(port),
      },
    },
    test: { boot: [{ until: { port } }] },
    hooks: {
      "rootfs:ready": ({ rootfs }) => {
        if (rootfs.glob(`/{${APP.slice(1)},usr}/**/${server}/__main__.py`).length > 0) return;
        throw new FledgeError("config", `neither the image nor ${app}/vendor has ${server}`, {
          hint: `pip install --target ${app}/vendor ${server}`,
        });
      },
    },
  }),
});
