import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { localUrl, port } from "../port.ts";

const line = z.string().regex(/^[^\s"\\]+$/, 'must not hold spaces, quotes or "\\"');

/** Redis on its image, as a cache or as a store that keeps its data on the disk. */
export default definePreset({
  name: "redis",
  description: "Redis: a cache, or a store that keeps its data on the disk",
  url: import.meta.url,
  options: z.strictObject({
    port: port("Redis", 6379),
    password: line.optional().describe("without one, only the guest itself may connect"),
    maxMemory: line.optional().describe("e.g. 100mb; the least recently used keys go first"),
    persist: z.boolean().default(false).describe("log every change to /var/lib/redis"),
  }),
  setup: ({ port, password, maxMemory, persist }) => ({
    strategy: "oci_rootfs",
    source: { image: "redis:alpine" },
    manifest: { workload: { entrypoint: ["redis-server", "/etc/redis.conf"], baseUrl: localUrl(port) } },
    test: { boot: [{ until: { port } }] },
    hooks: {
      "rootfs:merged": ({ rootfs }) => {
        rootfs.mkdir("/var/lib/redis");
        const lines = [
          ["bind *", `port ${port}`, "protected-mode yes", "dir /var/lib/redis"],
          password === undefined ? [] : [`requirepass ${password}`],
          maxMemory === undefined ? [] : [`maxmemory ${maxMemory}`, "maxmemory-policy allkeys-lru"],
          persist ? ["appendonly yes"] : ['save ""'],
        ].flat();
        rootfs.writeFile("/etc/redis.conf", `${lines.join("\n")}\n`, { mode: 0o600 });
      },
    },
  }),
});
