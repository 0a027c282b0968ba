import * as z from "zod";
import { type DownloadOptions, downloadOptions } from "../options.ts";

const kernelDownload = downloadOptions({ what: "kernel", asset: "bzImage" });

/** What the plugin will boot on. */
export const guestOptions = z.strictObject({
  kernel: z
    .union([z.enum(["stock", "custom"]), ...kernelDownload.options])
    .describe(
      'the kernel to boot with, held by fledge.lock; "custom" only says that yours has what the artifact needs, and silences the warnings about the stock one',
    ),
});

export type GuestOptions = z.output<typeof guestOptions>;

/** A kernel that can be fetched. */
export type KernelOptions = DownloadOptions;

/** The kernel that a config names, where it does more than say whose it is. */
export function kernelIn({ kernel }: GuestOptions): KernelOptions | undefined {
  return typeof kernel === "string" ? undefined : kernel;
}
