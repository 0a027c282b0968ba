import { definePlugin } from "fledge";

export default definePlugin({
  strategy: "initramfs",
  extends: "../../presets/web.ts",
  mappings: { "./site": "/srv/www" },
});
