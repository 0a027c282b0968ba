import { gzipSync } from "node:zlib";
import { carriedJson } from "./carried.ts";
import type { Manifest } from "./schema.ts";

export type CommandLineOptions = {
  /** The serial port's name in the guest. */
  readonly console: string;
  /** Absent without a manifest: then nothing tells the agent what to run. */
  readonly manifest?: Manifest;
  /** Of a disk, what it is mounted as; absent for an initramfs. */
  readonly filesystem?: string;
  readonly network?: {
    readonly address: string;
    readonly gateway: string;
    readonly mask: string;
    readonly host: string;
  };
};

/**
 * The words that Volant's launcher puts on the kernel command line, in its order, without `quiet loglevel=1`: those would
 * leave nothing to look at.
 */
export function commandLineWords({ console, manifest, filesystem, network }: CommandLineOptions): string[] {
  return [
    ...[`console=${console}`, "reboot=k", "panic=1", "i8042.noaux", "i8042.nokbd", "pci=lastbus=0"],
    ...(network === undefined
      ? []
      : [`ip=${network.address}::${network.gateway}:${network.mask}:${network.host}:eth0:off`]),
    ...(manifest === undefined
      ? []
      : [
          `volant.runtime=${manifest.runtime}`,
          `volant.plugin=${manifest.name}`,
          `volant.manifest=${encodeManifest(manifest)}`,
        ]),
    ...(filesystem === undefined
      ? ["volant.boot=initramfs"]
      : ["volant.rootfs_device=vda", `volant.rootfs_fstype=${filesystem}`, "volant.boot=rootfs"]),
  ];
}

/** As it travels: the compact JSON that Volant makes of it, gzip, base64url without padding. */
export function encodeManifest(manifest: Manifest): string {
  return gzipSync(carriedJson(manifest), { level: 6 }).toString("base64url");
}
