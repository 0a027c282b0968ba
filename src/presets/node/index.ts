import { posix } from "node:path";
import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { localUrl, port } from "../port.ts";

const APP = "/srv/app";

/** A Node.js server from a folder, with its production dependencies only. */
export default definePreset({
  name: "node",
  description: "a Node.js server from a folder, with its production dependencies only",
  url: import.meta.url,
  options: z.strictObject({
    app: z.string().min(1).describe("folder of the server, with the node_modules that npm made"),
    entry: z.string().min(1).default("server.js").describe("file to run, relative to app"),
    port: port("the server", 3000),
    env: z.record(z.string(), z.string()).default({}).describe("environment variables, beside PORT and NODE_ENV"),
  }),
  setup: ({ app, entry, port, env }, { resolve }) => ({
    strategy: "oci_rootfs",
    source: { image: "node:22-alpine" },
    mappings: { [resolve(app)]: APP },
    manifest: {
      workload: {
        entrypoint: ["node", posix.join(APP, entry)],
        workdir: APP,
        env: { NODE_ENV: "production", PORT: String(port), ...env },
        baseUrl: localUrl(port),
      },
    },
    test: { boot: [{ until: { port } }] },
    hooks: {
      "rootfs:ready": ({ rootfs, log }) => {
        log(`node: ${prune(rootfs)} packages of development are left out`);
        if (rootfs.exists(posix.join(APP, entry))) return;
        throw new FledgeError("config", `${entry} is not in ${app}`, { hint: "entry is relative to app" });
      },
    },
  }),
});

/** Removes what only development needs, as npm wrote it down beside what it installed; says how much that was. */
function prune(rootfs: RootfsTree): number {
  const [modules, lock] = [`${APP}/node_modules`, `${APP}/node_modules/.package-lock.json`];
  rootfs.rm(`${APP}/.git`);
  if (!rootfs.exists(modules)) return 0;
  if (!rootfs.exists(lock)) {
    throw new FledgeError("config", "the app's node_modules do not say which packages are for development only", {
      hint: "fledge reads what npm writes there: run npm install, or bundle the server into one file",
    });
  }
  const { packages } = JSON.parse(rootfs.readFile(lock).toString()) as { packages: Record<string, { dev?: boolean }> };
  const removed = Object.keys(packages).filter((path) => packages[path]?.dev && rootfs.rm(`${APP}/${path}`));
  for (const link of rootfs.glob(`${modules}/.bin/*`)) if (!rootfs.exists(link)) rootfs.rm(link);
  return removed.length;
}
