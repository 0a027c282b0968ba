import { basename } from "node:path";
import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import { localUrl, port } from "../port.ts";

/** One static program in an initramfs, started by the agent or as process 1. */
export default definePreset({
  name: "static-binary",
  description: "one static program in an initramfs, started by the agent or as process 1",
  url: import.meta.url,
  options: z.strictObject({
    binary: z.string().min(1).describe("the program, linked statically"),
    args: z.array(z.string()).default([]).describe("its arguments"),
    port: port("the program", 8080),
    as: z
      .enum(["workload", "init"])
      .default("workload")
      .describe("workload: the agent starts it; init: the kernel does"),
  }),
  setup: ({ binary, args, port, as }, { resolve }) => {
    const program = as === "init" ? "/init" : `/usr/bin/${basename(binary)}`;
    return {
      strategy: "initramfs",
      mappings: { [resolve(binary)]: { to: program, mode: 0o755 } },
      manifest: { workload: { entrypoint: [program, ...args], baseUrl: localUrl(port) } },
      test: { boot: [{ until: { port } }] },
      ...(as === "init" && { init: { none: true } }),
    };
  },
});
