import { z } from "zod";

const sha256 = z.string().optional().describe("sha256 of the binary; the download is refused when it differs");

/** Where the static BusyBox of an initramfs comes from. */
export const busyboxOptions = z.union([
  z.strictObject({ url: z.string().min(1).describe("an http(s) or file URL"), sha256 }),
  z.strictObject({ path: z.string().min(1).describe("a file on this machine"), sha256 }),
]);
