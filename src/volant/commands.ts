import { isAbsolute, relative } from "node:path";
import { type BootMedium, isReadOnly, STOCK_KERNEL } from "./kernels.ts";
import type { Manifest } from "./schema.ts";

/** What an operator types to run a plugin. */
export type LaunchCommand = {
  readonly command: string;
  /** What the command alone does not take care of. */
  readonly note?: string;
};

/**
 * Installs a plugin. The path must be absolute: Volant looks for the artifact beside the manifest as it was typed, and
 * refuses a path that is still relative then.
 */
export function installCommand(manifestPath: string, cwd: string): string {
  const path = relative(cwd, manifestPath);
  const isBelow = path !== "" && !path.startsWith("..") && !isAbsolute(path);
  return `volar plugins install --manifest ${isBelow ? `"$PWD/${quoted(path)}"` : `"${quoted(manifestPath)}"`}`;
}

/** Why a manifest cannot be installed by its own URL, if so: the artifact would be looked for on the operator's disk. */
export function urlNote({ rootfs, initramfs }: Manifest): string | undefined {
  const [key, url = ""] = rootfs === undefined ? ["initramfs.url", initramfs?.url] : ["rootfs.url", rootfs.url];
  if (/^https?:/i.test(url)) return undefined;
  return `from a file; to be installed from a URL it needs an absolute URL as ${key} (manifest.url in the config), not ${JSON.stringify(url)}`;
}

/** Makes a VM on a kernel of the operator's, which has to be told what to mount; undefined on Volant's own. */
export function launchCommand(plugin: string, medium: BootMedium): LaunchCommand | undefined {
  if (medium.guestKernel === "stock") return undefined;
  const command = `volar vms create ${plugin} --plugin ${plugin} --kernel /path/to/bzImage`;
  if (medium.kind === "initramfs") return { command };
  const { filesystem } = medium;
  // The agent's own default.
  if (filesystem === STOCK_KERNEL.filesystems[0]) return { command };
  const mounted = { command: `${command} --kernel-cmdline "volant.rootfs_fstype=${filesystem}"` };
  if (!isReadOnly(filesystem)) return mounted;
  return {
    ...mounted,
    note: `the agent copies itself into the root when it boots, and ${filesystem} is read-only: an initramfs of yours (--initramfs PATH) must put an overlay over it`,
  };
}

/** As it stands between double quotes of the shell. */
function quoted(path: string): string {
  return path.replace(/[\\"$`]/g, "\\$&");
}
