import { definePreset } from "@volantvm/fledge";
import { z } from "zod";

export default definePreset({
  name: "{{name}}",
  description: "a message of the day, and a folder to serve",
  // Paths that the preset writes are relative to this file, in src as in dist.
  url: import.meta.url,
  options: z.strictObject({
    greeting: z.string().default("Welcome").describe("first line of the message"),
    content: z.string().optional().describe("folder that goes to /srv/content"),
  }),
  setup: ({ greeting, content }, { resolve }) => ({
    mappings: {
      "../files/motd": "/etc/motd",
      // A path that came as an option is relative to the config that extends the preset.
      ...(content !== undefined && { [resolve(content)]: "/srv/content" }),
    },
    hooks: {
      "rootfs:ready": ({ rootfs }) => {
        const rest = rootfs.readFile("/etc/motd").toString();
        rootfs.writeFile("/etc/motd", `${greeting}\n${rest}`);
      },
    },
  }),
});
