import { definePreset } from "@volantvm/fledge";

// What the plugins of this repository share: Debian's BusyBox (sudo apt-get install -y busybox-static), and its web
// server on port 8080, which serves what a plugin puts into /srv/www.
export default definePreset({
  meta: { name: "web" },
  strategy: "initramfs",
  version: "1.0.0",
  busybox: { path: "/bin/busybox" },
  init: { path: "./serve.sh", exec: true },
  manifest: {
    resources: { cpuCores: 1, memoryMb: 128 },
    workload: { baseUrl: "http://127.0.0.1:8080" },
  },
  // A plugin that has a test.boot of its own replaces it.
  test: { boot: [{ until: { port: 8080 } }] },
});
