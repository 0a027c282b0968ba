import type { Lockable } from "../../contract/lock.ts";
import { type Downloadable, downloadLockables, fetchDownload } from "../download.ts";
import type { FetchContext, Fetched } from "../fetch.ts";
import type { KernelOptions } from "./options.ts";

const KERNEL: Downloadable = {
  ...{ kind: "kernel", what: "the kernel", key: "guest.kernel", asset: "bzImage", use: "booted" },
  local: 'without the network, guest.kernel = { path: "./bzImage" } or --kernel names one of this machine',
  remote: 'guest.kernel = { release: "latest" } downloads one',
};

/** Fetches the kernel that the config names. */
export async function fetchKernel(options: KernelOptions, ctx: FetchContext): Promise<Fetched> {
  return await fetchDownload(KERNEL, options, ctx);
}

/** What a lock can hold of it. */
export function kernelLockables(options: KernelOptions): Lockable[] {
  return downloadLockables(KERNEL, options).map((one) => ({ ...one, isForBoot: true }));
}
