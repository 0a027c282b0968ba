import { z } from "zod";
import {
  artifactUrl,
  baseUrl,
  checksum,
  diskFormat,
  environment,
  labels,
  networkMode,
  openapiLocation,
  pciAddress,
  pciDevicePattern,
  schemaVersion,
  seedMode,
  splitCommand,
  text,
  workloadType,
} from "./rules.ts";

const word = z.string().refine((value) => value.trim() !== "" && !/\s/.test(value.trim()), {
  error: (issue) => `nothing splits it into words: write the array ${splitCommand(String(issue.input))}`,
});

const command = z.union([z.array(z.string()).min(1, { error: "must name a program" }), word], {
  error: (issue) =>
    typeof issue.input === "string"
      ? `"${issue.input}" is one word to Volant, nothing splits it: write the array ${splitCommand(issue.input)}`
      : 'must be an array of strings, such as ["/usr/bin/app", "--port", "80"]',
});

const resources = z.strictObject({
  cpuCores: z.int().positive().optional().describe("Virtual CPUs of the guest; 1 unless given"),
  memoryMb: z.int().positive().optional().describe("Memory of the guest in MiB; 256 unless given"),
});

const workload = z.strictObject({
  type: workloadType.optional().describe('Only "http" is accepted'),
  baseUrl: baseUrl.optional().describe("Where the service listens inside the guest; else the first exposed TCP port"),
  entrypoint: command.optional().describe("The program and its arguments; replaces the image's Entrypoint and Cmd"),
  args: z.array(z.string()).optional().describe("Arguments after the entrypoint; alone it replaces the image's Cmd"),
  env: environment.optional().describe("Environment variables, on top of the image's"),
  workdir: text.optional().describe("Working directory; else the image's"),
});

const exposedPort = z.strictObject({
  port: z.int().min(1).max(65535).describe("Port the workload listens on inside the guest"),
  protocol: z.enum(["tcp", "udp"]).optional().describe("tcp unless given"),
  hostPort: z.int().min(1).max(65535).optional().describe("Cannot be carried by a manifest: a warning says how to map"),
  name: text.optional().describe("What the port is for; the value of its label"),
});

const network = z.strictObject({
  mode: networkMode.optional().describe("vsock, bridged or dhcp"),
  subnet: text.optional().describe("Of bridged mode, such as 10.1.0.0/24; needs gateway or autoAssign"),
  gateway: text.optional().describe("Of bridged mode"),
  autoAssign: z.boolean().optional().describe("Of bridged mode: let Volant choose addresses of the subnet"),
  expose: z
    .array(exposedPort)
    .optional()
    .describe("Ports of the workload; the first TCP one gives baseUrl, each becomes a label; replaces the image's"),
});

const action = z.strictObject({
  description: z.string().optional().describe("For people"),
  method: text.describe("HTTP method, such as POST"),
  path: text.describe("Path under baseUrl"),
  timeoutMs: z.int().nonnegative().optional().describe("Milliseconds"),
});

const cloudInitDocument = z.strictObject({
  inline: z.boolean().optional().describe("Follows from content or path unless given"),
  content: z.string().optional().describe("The document itself"),
  path: text.optional().describe("A file on the Volant host"),
});

const cloudInit = z.strictObject({
  datasource: text.optional().describe("NoCloud unless given"),
  seedMode: seedMode.optional().describe('Only "vfat" is accepted'),
  userData: cloudInitDocument.optional().describe("user-data of cloud-init"),
  metaData: cloudInitDocument.optional().describe("meta-data of cloud-init"),
  networkConfig: cloudInitDocument.optional().describe("network-config of cloud-init"),
});

const disk = z.strictObject({
  name: text.describe("Name of the disk"),
  source: text.describe("URL or path of the disk image"),
  checksum: checksum.optional().describe("sha256: and 64 hex digits"),
  format: diskFormat.optional().describe("raw or qcow2"),
  readonly: z.boolean().optional().describe("Attach without writing"),
  target: text.optional().describe("Device name in the guest"),
});

/** What users write in `manifest: {...}`: how the plugin runs. Everything has a default or comes from the image. */
export const manifestOptions = z.strictObject({
  schemaVersion: schemaVersion.optional().describe('Only "v1" exists'),
  runtime: text.optional().describe("Volant's runtime identifier; the plugin's name unless given"),
  resources: resources.optional().describe("What the guest gets"),
  workload: workload.optional().describe("What runs in the guest"),
  entrypoint: command.optional().describe("As workload.entrypoint, where manifest.toml has it"),
  args: z.array(z.string()).optional().describe("As workload.args, where manifest.toml has it"),
  env: environment.optional().describe("As workload.env, which wins, where manifest.toml has it"),
  network: network.optional().describe("How the guest is attached"),
  healthCheck: z
    .strictObject({
      endpoint: text.describe("Path under baseUrl"),
      timeoutMs: z.int().nonnegative().optional().describe("Milliseconds; 5000 unless given"),
    })
    .optional()
    .describe("How Volant asks whether the workload is up"),
  actions: z.record(text, action).optional().describe("Endpoints of the workload that Volant offers by name"),
  cloudInit: cloudInit.optional().describe("Documents for cloud-init in the guest"),
  devices: z
    .strictObject({
      pciPassthrough: z.array(pciAddress).optional().describe("PCI addresses such as 0000:01:00.0"),
      allowlist: z.array(pciDevicePattern).optional().describe("vendor:device patterns such as 10de:*"),
    })
    .optional()
    .describe("Host devices handed to the guest"),
  disks: z.array(disk).optional().describe("Further disks"),
  labels: labels.optional().describe("Free-form metadata"),
  enabled: z.boolean().optional().describe("true unless given"),
  openapi: openapiLocation.optional().describe("URL or absolute path of the workload's OpenAPI document"),
  image: text.optional().describe("Reference of the image; else the source's"),
  imageDigest: text.optional().describe("Digest of the image; else the source's"),
  url: z
    .union([artifactUrl, z.custom<(fileName: string) => string>((value) => typeof value === "function")], {
      error: ({ input }) =>
        typeof input === "string" ? undefined : "must be a string or a function of the artifact's file name",
    })
    .optional()
    .describe("Replaces the artifact's relative path: a URL, or a function of its file name that gives one"),
});

/** As written, before defaults. */
export type ManifestOptions = z.input<typeof manifestOptions>;
