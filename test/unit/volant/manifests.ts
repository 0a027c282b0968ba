import { sha256 } from "../../../src/lib/digest.ts";
import type { Manifest } from "../../../src/volant/schema.ts";

export const DIGEST = sha256("the artifact");

/** The least that Volant accepts. */
export function minimal(): Manifest {
  return {
    schema_version: "v1",
    name: "web",
    version: "1.2.0",
    runtime: "web",
    resources: { cpu_cores: 1, memory_mb: 256 },
    workload: { type: "http", base_url: "http://127.0.0.1:80", entrypoint: ["/usr/sbin/nginx", "-g", "daemon off;"] },
    rootfs: { url: "web-rootfs.img", checksum: DIGEST, format: "raw" },
  };
}

/** Every key that there is. */
export function complete(): Manifest {
  return {
    ...minimal(),
    workload: { ...minimal().workload, env: { PATH: "/usr/bin:/bin", NGINX_VERSION: "1.27.0" }, workdir: "/srv" },
    disks: [{ name: "data", source: "data.img", checksum: DIGEST, format: "qcow2", readonly: true, target: "vdb" }],
    network: { mode: "bridged", subnet: "10.1.0.0/24", gateway: "10.1.0.1", auto_assign: false },
    health_check: { endpoint: "/health", timeout_ms: 0 },
    actions: { reload: { description: "Reload", method: "POST", path: "/reload", timeout_ms: 5000 } },
    cloud_init: {
      datasource: "NoCloud",
      seed_mode: "vfat",
      user_data: { inline: true, content: "#cloud-config\n" },
      meta_data: { inline: false, path: "/etc/meta.yaml" },
      network_config: { path: "/etc/network.yaml" },
    },
    devices: { pci_passthrough: ["0000:01:00.0"], allowlist: ["10de:*", "8086:1234"] },
    labels: { team: "web" },
    enabled: true,
    openapi: "/openapi.json",
    image: "nginx:alpine",
    image_digest: DIGEST,
  };
}

/** A copy of `document` with the value at a dotted path replaced, or removed when it is undefined. */
export function patched(document: object, path: string, value: unknown): unknown {
  const copy = structuredClone(document);
  const steps = path.split(".");
  const last = steps.pop() ?? "";
  let parent = copy as Record<string, unknown>;
  for (const step of steps) {
    parent[step] ??= {};
    parent = parent[step] as Record<string, unknown>;
  }
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}
