import { posix } from "node:path";
import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { localUrl, port } from "../port.ts";

const name = z.string().regex(/^[a-z_][a-z0-9_]*$/, "is not a name of lower case letters, digits and _");

/** The server says so once its database is there. */
const LISTENS = "listening on IPv4 address";

/** PostgreSQL on its image, with a database that is made at the first boot. */
export default definePreset({
  name: "postgres",
  description: "PostgreSQL, with a database that is made at the first boot",
  url: import.meta.url,
  options: z.strictObject({
    database: name.default("app").describe("database to make"),
    user: name.default("app").describe("who owns it"),
    password: z.string().min(1).optional().describe("without one, only the guest itself may connect"),
    initScripts: z
      .string()
      .min(1)
      .optional()
      .describe("folder of *.sql and *.sh, run once in the order of their names"),
    dataDir: z
      .string()
      .refine((path) => posix.isAbsolute(path), "is not an absolute path of the guest")
      .default("/var/lib/postgresql/data")
      .describe("where the data is, in the guest"),
    port: port("PostgreSQL", 5432),
  }),
  setup: ({ initScripts, port, ...settings }, { resolve }) => ({
    strategy: "oci_rootfs",
    source: { image: "postgres:17-alpine" },
    mappings: {
      "./start.sh": "/usr/local/bin/start-postgres",
      ...(initScripts !== undefined && { [resolve(initScripts)]: "/usr/local/share/postgres-init" }),
    },
    filesystem: { headroom: "512M" },
    manifest: {
      resources: { memoryMb: 512 },
      workload: { entrypoint: ["/usr/local/bin/start-postgres"], baseUrl: localUrl(port) },
    },
    test: {
      boot: [
        // Without a password nobody outside of the guest may connect.
        { until: settings.password === undefined ? { line: LISTENS, withinMs: 120_000 } : { port, withinMs: 120_000 } },
      ],
    },
    // A file and not the environment, which travels on the kernel's command line for all to read.
    hooks: {
      "rootfs:merged": ({ rootfs }) => {
        const { database, user, password = "", dataDir } = settings;
        const variables = { database, user, password, data_dir: dataDir, port: String(port) };
        const lines = Object.entries(variables).map(([key, value]) => `${key}='${value.replaceAll("'", "'\\''")}'\n`);
        rootfs.writeFile("/etc/start-postgres.conf", lines.join(""), { mode: 0o600 });
      },
    },
  }),
});
