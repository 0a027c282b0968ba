import { definePlugin } from "@volantvm/fledge";

// A disk from a Dockerfile: docker, podman, buildah or BuildKit builds the image, whichever works here. What the image
// says (EXPOSE, ENTRYPOINT, ENV) goes into the manifest.
export default definePlugin(({ env }) => ({
  name: "dockerfile",
  version: "1.0.0",
  strategy: "oci_rootfs",
  source: {
    dockerfile: "./Dockerfile",
    buildArgs: {
      GREETING: "Good morning",
      // From a registry of your own: BASE_IMAGE=registry.example.com/busybox npx fledge build
      ...(env.BASE_IMAGE && { BASE: env.BASE_IMAGE }),
    },
  },
  manifest: { resources: { cpuCores: 1, memoryMb: 128 } },
  test: { boot: [{ until: { http: "/", contains: "Good morning from a Dockerfile" } }] },
}));
