import { definePlugin } from "@volantvm/fledge";

// A web server in an initramfs: BusyBox serves a page that is made while the image is built.
// The BusyBox is Debian's (sudo apt-get install -y busybox-static), so nothing is downloaded.
export default definePlugin({
  name: "hello",
  version: "1.0.0",
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  init: { path: "./init.sh" },
  manifest: {
    resources: { cpuCores: 1, memoryMb: 128 },
    workload: { baseUrl: "http://127.0.0.1:8080" },
  },
  test: { boot: [{ until: { http: "/", contains: "Hello from hello 1.0.0" } }] },
  hooks: {
    "rootfs:ready": ({ rootfs, plugin }) => {
      const applets = rootfs.glob("/{bin,sbin,usr/bin,usr/sbin}/*").length;
      rootfs.writeFile(
        "/srv/www/index.html",
        `<h1>Hello from ${plugin.name} ${plugin.version}</h1><p>${applets} commands</p>\n`,
      );
    },
  },
});
