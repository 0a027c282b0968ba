import { definePlugin } from "@volantvm/fledge";

// A small static service: BusyBox, an init and the project's files, booted straight from memory.
export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  strategy: "initramfs",

  // A static BusyBox: a path of this machine or a URL (with `sha256`). The guest's shell, init and web server.
  busybox: { url: "{{busybox}}" },

  // Runs after /proc, /sys, /dev, /tmp and /run are mounted. Without this line the guest starts Volant's agent, which
  // starts `manifest.workload.entrypoint`; the agent is downloaded from its latest release.
  init: { path: "./init.sh" },

  // What goes into the guest: path of the project -> path of the guest. Programs: "./my-app": "/usr/bin/my-app".
  mappings: { "./site": "/srv/www" },

  // What Volant is told. The workload listens on this port inside the guest.
  manifest: {
    resources: { cpuCores: 1, memoryMb: 128 },
    workload: { baseUrl: "http://127.0.0.1:8080" },
  },

  // `fledge test` boots it under QEMU and waits for this; `fledge boot --forward 8080:8080` lets you in.
  test: { boot: [{ until: { http: "/", contains: "Hello from {{name}}" } }] },

  // A config is a program, and so is the image: hooks may change it just before it is written.
  hooks: {
    "rootfs:ready": ({ rootfs, plugin }) => {
      rootfs.writeFile("/srv/www/version.txt", `${plugin.name} ${plugin.version}\n`);
    },
  },
});
