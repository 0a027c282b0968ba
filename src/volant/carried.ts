import { posix } from "node:path";
import type { Manifest } from "./schema.ts";
import { sortedRecord } from "./sorted.ts";

/**
 * The compact JSON that Volant's Go code makes of a manifest before it encodes it for the kernel command line
 * (internal/pluginspec: Normalize, then json.Marshal): its order of keys, its defaults, the members that are written
 * even when empty, two labels that it adds, maps sorted, and Go's escapes for `<`, `>` and `&`.
 *
 * A relative artifact path is counted as it is after installation, when Volant has made it absolute; the real folder
 * is not known here, so a usual one stands for it.
 */
export function carriedJson(manifest: Manifest): string {
  const { workload } = manifest;
  const carried = {
    schema_version: manifest.schema_version,
    name: manifest.name,
    version: manifest.version,
    runtime: manifest.runtime,
    rootfs: {
      url: installedUrl(manifest.rootfs?.url, manifest.name),
      checksum: manifest.rootfs?.checksum,
      format: manifest.rootfs === undefined ? "raw" : (manifest.rootfs.format ?? "raw"),
    },
    initramfs: { url: installedUrl(manifest.initramfs?.url, manifest.name), checksum: manifest.initramfs?.checksum },
    disks: manifest.disks?.map(({ name, source, checksum, format, readonly, target }) => {
      return { name, source, checksum, format, readonly: readonly ?? false, target };
    }),
    image: manifest.image,
    image_digest: manifest.image_digest,
    resources: manifest.resources,
    actions: sortedRecord(manifest.actions, (action) => ({
      description: action.description ?? "",
      method: action.method,
      path: action.path,
      timeout_ms: action.timeout_ms ?? 0,
    })),
    health_check: manifest.health_check ?? { endpoint: "", timeout_ms: 0 },
    workload: { ...workload, env: sortedRecord(workload.env), workdir: workload.workdir },
    cloud_init: manifest.cloud_init && carriedCloudInit(manifest.cloud_init),
    network: manifest.network,
    devices: manifest.devices,
    enabled: manifest.enabled ?? false,
    openapi: manifest.openapi,
    labels: sortedRecord({
      ...manifest.labels,
      "volant.plugin": manifest.name,
      "volant.runtime": manifest.runtime,
    }),
  };
  return escapeAsGo(JSON.stringify(carried));
}

function carriedCloudInit(cloudInit: NonNullable<Manifest["cloud_init"]>) {
  return {
    datasource: cloudInit.datasource ?? "NoCloud",
    seed_mode: cloudInit.seed_mode ?? "vfat",
    user_data: cloudInit.user_data ?? {},
    meta_data: cloudInit.meta_data ?? {},
    network_config: cloudInit.network_config ?? {},
  };
}

function installedUrl(url: string | undefined, name: string): string {
  if (url === undefined) return "";
  return /^[a-z]+:/i.test(url) || url.startsWith("/") ? url : posix.join("/var/lib/volant/plugins", name, url);
}

function escapeAsGo(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
