import type { Warning } from "../lib/context.ts";
import { FledgeError, messageOf } from "../lib/errors.ts";
import type { ImageFacts, ManifestInput } from "./input.ts";
import type { ManifestOptions } from "./options.ts";
import { portLabels, resolvePorts } from "./ports.ts";
import { choose, type Note, type Report } from "./report.ts";
import type { Manifest } from "./schema.ts";
import { sortedRecord } from "./sorted.ts";
import { renderWorkload } from "./workload.ts";

export type RenderedManifest = {
  readonly manifest: Manifest;
  readonly warnings: readonly Warning[];
  readonly notes: readonly Note[];
};

/**
 * The manifest of a plugin, its keys in the order in which they are written, with what it cannot express as warnings
 * and the origin of each value as notes. Throws a `config` error when `manifest.url` is a function that fails.
 */
export function renderManifest(input: ManifestInput): RenderedManifest {
  const { name, version, options = {}, artifact, image } = input;
  const report: Report = { warnings: [], notes: [] };
  const ports = resolvePorts(
    { name, expose: options.network?.expose, exposedPorts: image?.exposedPorts ?? [] },
    report,
  );
  const manifest: Manifest = {
    schema_version: "v1",
    name,
    version,
    runtime: options.runtime ?? input.runtime ?? name,
    resources: renderResources(options, report),
    workload: renderWorkload(input, ports, report),
    [artifact.kind]: {
      url: artifactUrl(input, report),
      checksum: artifact.digest,
      // The disk's format, which Volant would otherwise guess from the file's name; the filesystem has no field.
      ...(artifact.kind === "rootfs" ? { format: "raw" } : {}),
    },
    disks: options.disks,
    network: renderNetwork(options, report),
    health_check: renderHealthCheck(options, report),
    actions: sortedRecord(options.actions, ({ description, method, path, timeoutMs }) => {
      return { description, method, path, timeout_ms: timeoutMs };
    }),
    cloud_init: options.cloudInit && renderCloudInit(options.cloudInit),
    devices: options.devices && {
      pci_passthrough: options.devices.pciPassthrough,
      allowlist: options.devices.allowlist,
    },
    labels: sortedRecord(nonEmpty({ ...portLabels(ports), ...options.labels })),
    enabled: options.enabled ?? true,
    openapi: options.openapi,
    image: choose(report, "image", [
      [options.image, "manifest.image"],
      [image?.reference, "the source's reference"],
    ]),
    image_digest: choose(report, "image_digest", [
      [options.imageDigest, "manifest.imageDigest"],
      [image?.digest, "the source's digest"],
    ]),
  };
  noteImageLabels(image, report);
  // As JSON carries it: members that are undefined do not exist.
  return { manifest: JSON.parse(JSON.stringify(manifest)) as Manifest, ...report };
}

function renderResources({ resources }: ManifestOptions, report: Report): Manifest["resources"] {
  const pick = (key: string, value: number | undefined, fallback: number) =>
    choose(report, key, [
      [value, "manifest.resources"],
      [fallback, "the default"],
    ]) ?? fallback;
  return {
    cpu_cores: pick("resources.cpu_cores", resources?.cpuCores, 1),
    memory_mb: pick("resources.memory_mb", resources?.memoryMb, 256),
  };
}

function artifactUrl({ options, artifact }: ManifestInput, report: Report): string {
  const { fileName, kind } = artifact;
  const url = options?.url;
  const key = `${kind}.url`;
  if (url === undefined) {
    report.notes.push({ key, origin: "the artifact's name, relative to the manifest" });
    // A colon would make the front of the name look like a URL's scheme.
    return fileName.includes(":") ? `./${fileName}` : fileName;
  }
  report.notes.push({ key, origin: "manifest.url" });
  return typeof url === "string" ? url : callUrl(url, fileName);
}

function callUrl(url: (fileName: string) => string, fileName: string): string {
  const hint = `it is called with the artifact's file name (${JSON.stringify(fileName)}) and returns its URL`;
  let result: unknown;
  try {
    result = url(fileName);
  } catch (error) {
    throw new FledgeError("config", `the function manifest.url threw: ${messageOf(error)}`, { hint, cause: error });
  }
  if (typeof result === "string") return result;
  throw new FledgeError("config", `the function manifest.url must return a string, not ${typeof result}`, { hint });
}

function renderNetwork({ network }: ManifestOptions, report: Report): Manifest["network"] {
  const { mode, subnet, gateway, autoAssign } = network ?? {};
  if ((mode ?? subnet ?? gateway ?? autoAssign) === undefined) return undefined;
  const chosen = choose(report, "network.mode", [
    [mode, "manifest.network.mode"],
    ["bridged" as const, "the default, since it has addresses"],
  ]);
  return { mode: chosen ?? "bridged", subnet, gateway, auto_assign: autoAssign };
}

function renderHealthCheck({ healthCheck }: ManifestOptions, report: Report): Manifest["health_check"] {
  if (healthCheck === undefined) return undefined;
  if (healthCheck.timeoutMs === undefined) report.notes.push({ key: "health_check.timeout_ms", origin: "the default" });
  return { endpoint: healthCheck.endpoint, timeout_ms: healthCheck.timeoutMs ?? 5000 };
}

type CloudInitOptions = NonNullable<ManifestOptions["cloudInit"]>;

function renderCloudInit(options: CloudInitOptions): NonNullable<Manifest["cloud_init"]> {
  const document = (doc: CloudInitOptions["userData"]) =>
    doc && { ...doc, inline: doc.inline ?? (doc.content === undefined ? undefined : true) };
  return {
    datasource: options.datasource,
    seed_mode: options.seedMode,
    user_data: document(options.userData),
    meta_data: document(options.metaData),
    network_config: document(options.networkConfig),
  };
}

function noteImageLabels(image: ImageFacts | undefined, report: Report): void {
  const count = Object.keys(image?.labels ?? {}).length;
  if (count === 0) return;
  report.notes.push({ key: "labels", origin: `the config; the image's ${count} are left out to save command line` });
}

function nonEmpty<T extends object>(record: T): T | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
