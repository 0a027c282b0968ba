import * as z from "zod";

/** A static build of BusyBox's own, the default where nothing else is asked for. */
export const DEFAULT_BUSYBOX = {
  url: "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox",
  sha256: "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348",
} as const;

const sha256 = z.string().optional().describe("SHA-256 that it must have, 64 hex digits");

/** Where BusyBox comes from. It must be a static binary of the guest's architecture. */
export const busyboxOptions = z.union([
  z.strictObject({
    url: z
      .string()
      .min(1)
      .meta({ hostPath: "url" })
      .describe("http(s) or file: URL, or a path, of a static BusyBox binary"),
    sha256,
  }),
  z.strictObject({
    path: z.string().min(1).meta({ hostPath: "path" }).describe("BusyBox binary on this machine"),
    sha256,
  }),
]);

export type BusyboxOptions = z.output<typeof busyboxOptions>;
