import { definePlugin } from "@volantvm/fledge";

// An image that is there already becomes a disk that boots. What it runs, its environment and its port are the image's.
export default definePlugin({
  name: "oci-nginx",
  version: "1.0.0",
  strategy: "oci_rootfs",
  source: { image: "nginx:alpine" },
  mappings: {
    "./site": "/usr/share/nginx/html",
    "./default.conf": "/etc/nginx/conf.d/default.conf",
  },
  manifest: {
    resources: { cpuCores: 1, memoryMb: 256 },
    healthCheck: { endpoint: "/healthz", timeoutMs: 2000 },
  },
  test: { boot: [{ until: [{ http: "/healthz" }, { http: "/" }], not: ["[emerg]"] }] },
});
