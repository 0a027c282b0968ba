import { definePlugin } from "@volantvm/fledge";

export default definePlugin({
  strategy: "initramfs",
  extends: "../../presets/web.ts",
  mappings: { "./site": "/srv/www" },
  test: { boot: [{ until: [{ line: "serving" }, { http: "/" }] }] },
});
