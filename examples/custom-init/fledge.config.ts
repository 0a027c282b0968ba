import { definePlugin, serviceScript } from "@volantvm/fledge";

// An init of one's own that becomes PID 1: after fledge's mounts it starts two services and waits for what ends.
export default definePlugin({
  name: "custom-init",
  version: "1.0.0",
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  init: { path: "./init.sh", exec: true },
  manifest: { resources: { memoryMb: 128 }, workload: { baseUrl: "http://127.0.0.1:8080" } },
  test: {
    boot: [{ until: [{ line: "custom-init: running as PID 1" }, { http: "/", contains: "Hello from two services" }] }],
  },
  hooks: {
    "rootfs:ready": ({ rootfs }) => {
      rootfs.writeFile("/srv/www/index.html", "<h1>Hello from two services</h1>\n");
      const services = {
        web: serviceScript({ command: ["httpd", "-f", "-p", "8080", "-h", "/srv/www"], restart: "always" }),
        probe: serviceScript({
          command: ["sh", "-c", 'echo "custom-init: $(wget -q -O - "$URL")"'],
          env: { URL: "http://127.0.0.1:8080/" },
          restart: "on-failure",
        }),
      };
      for (const [name, text] of Object.entries(services)) {
        rootfs.writeFile(`/etc/services/${name}`, text, { mode: 0o755 });
      }
    },
  },
});
