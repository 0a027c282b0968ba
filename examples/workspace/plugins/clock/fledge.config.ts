import { definePlugin } from "@volantvm/fledge";

export default definePlugin({
  strategy: "initramfs",
  extends: "../../presets/web.ts",
  manifest: { resources: { memoryMb: 160 } },
  test: { boot: [{ until: { http: "/cgi-bin/now", contains: "UTC" } }] },
  hooks: {
    "rootfs:ready": ({ rootfs }) => {
      rootfs.writeFile("/srv/www/cgi-bin/now", "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\ndate\n", {
        mode: 0o755,
      });
    },
  },
});
