import { definePlugin } from "@volantvm/fledge";

// Software that has a container image already, as a bootable disk.
export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  strategy: "oci_rootfs",

  // Entrypoint, environment and port come from the image; a digest (nginx@sha256:...) pins it.
  source: { image: "nginx:alpine" },

  // What goes over the image: path of the project -> path of the guest.
  mappings: { "./site": "/usr/share/nginx/html" },

  // An exact fit and this much free space: Volant copies the whole image at each launch, so less is faster.
  filesystem: { headroom: "64M" },

  // What Volant is told beyond what the image says.
  manifest: {
    resources: { cpuCores: 1, memoryMb: 256 },
    workload: { env: { GREETING: "hello" } },
  },

  // `fledge test` boots it under QEMU and waits for this; `fledge boot --forward 8080:80` lets you in.
  test: { boot: [{ until: { http: "/", contains: "Hello from {{name}}" } }] },

  // A config is a program: hooks may change the tree just before it is written.
  hooks: {
    "rootfs:ready": ({ rootfs, plugin }) => {
      rootfs.writeFile("/etc/plugin-release", `${plugin.name} ${plugin.version}\n`);
    },
  },
});
