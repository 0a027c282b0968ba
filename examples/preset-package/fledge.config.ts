import { definePlugin } from "@volantvm/fledge";
import noticeBoard from "./preset/index.ts";

// A preset of one's own, in a package beside the config: the editor completes its options. Published, it would be
// extends: [["@team/preset-notice-board", { title: "..." }]] or an import from there.
export default definePlugin({
  name: "preset-package",
  version: "1.0.0",
  extends: [noticeBoard({ title: "Monday", notices: "./notices" })],
  strategy: "initramfs",
});
