import { z } from "zod";

const sha256 = z.string().optional().describe("sha256 of the binary; the download is refused when it differs");

/** Where the static BusyBox of an initramfs comes from. */
export const busyboxOptions = z.union([
  z.strictObject({ url: z.string().min(1).describe("an http(s) or file URL"), sha256 }),
  z.strictObject({ path: z.string().min(1).describe("a file on this machine"), sha256 }),
]);

export type BusyboxOptions = z.output<typeof busyboxOptions>;

/** The pinned BusyBox (x86-64, static) that an initramfs gets unless its config says otherwise. */
export const DEFAULT_BUSYBOX = {
  url: "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox",
  sha256: "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348",
};
