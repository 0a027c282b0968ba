import { definePlugin } from "@volantvm/fledge";

// A database: more room on the disk for what it will hold, and scripts that run when the database is first made.
export default definePlugin(({ env }) => ({
  name: "oci-postgres",
  version: "15.0.0",
  strategy: "oci_rootfs",
  source: { image: "postgres:15-alpine" },
  filesystem: { type: "ext4", headroom: "512M" },
  mappings: { "./init": "/docker-entrypoint-initdb.d" },
  manifest: {
    resources: { cpuCores: 2, memoryMb: 1024 },
    workload: {
      entrypoint: ["/usr/local/bin/docker-entrypoint.sh", "postgres"],
      baseUrl: "http://127.0.0.1:5432",
      // From the environment or a .env beside this file; the manifest is no place for a real secret.
      env: { POSTGRES_USER: "app", POSTGRES_PASSWORD: env.POSTGRES_PASSWORD ?? "changeme" },
    },
    network: { mode: "bridged", expose: [{ port: 5432, protocol: "tcp" }] },
  },
  // The first boot makes the database, which takes a while.
  test: { boot: [{ until: { line: "listening on IPv4 address", withinMs: 120_000 } }] },
}));
