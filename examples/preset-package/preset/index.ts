import { definePreset } from "@volantvm/fledge";
import { z } from "zod";

export default definePreset({
  name: "notice-board",
  description: "text files on a web page, served by BusyBox",
  url: import.meta.url,
  options: z.strictObject({
    title: z.string().describe("heading of the page"),
    notices: z.string().describe("folder of text files"),
    port: z.int().default(8080).describe("port of the page"),
  }),
  setup: ({ title, notices, port }, { resolve }) => ({
    strategy: "initramfs",
    busybox: { path: "/bin/busybox" },
    init: { path: "./serve.sh" },
    mappings: { [resolve(notices)]: "/srv/notices" },
    manifest: { workload: { baseUrl: `http://127.0.0.1:${port}` } },
    test: { boot: [{ until: { http: "/", contains: `<h1>${title}</h1>` } }] },
    hooks: {
      "rootfs:ready": ({ rootfs }) => {
        const items = rootfs.glob("/srv/notices/*.txt").map((path) => `<li>${rootfs.readFile(path)}</li>`);
        rootfs.writeFile("/srv/www/index.html", `<h1>${title}</h1>\n<ul>\n${items.join("")}</ul>\n`);
        rootfs.writeFile("/etc/notice-board.port", `${port}\n`);
      },
    },
  }),
});
