import { definePlugin } from "@volantvm/fledge";

// An image that a Dockerfile describes, as a bootable disk.
export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  strategy: "oci_rootfs",

  // Built by buildkit, docker, podman or buildah, whichever is there. Also: context, target, buildArgs.
  source: { dockerfile: "./Dockerfile" },

  // An exact fit and this much free space: Volant copies the whole image at each launch, so less is faster.
  filesystem: { headroom: "64M" },

  // What Volant is told; entrypoint, environment and port come from the Dockerfile.
  manifest: {
    resources: { cpuCores: 1, memoryMb: 256 },
  },

  // `fledge test` boots it under QEMU and waits for this; `fledge boot --forward 8080:80` lets you in.
  test: { boot: [{ until: { http: "/", contains: "Hello from {{name}}" } }] },
});
