import { z } from "zod";
import {
  acceptedChecksum,
  artifactUrl,
  baseUrl,
  diskFormat,
  environment,
  labels,
  networkMode,
  openapiLocation,
  pciAddress,
  pciDevicePattern,
  seedMode,
  splitCommand,
  text,
  workloadType,
} from "./rules.ts";

const entrypoint = z
  .array(z.string(), {
    error: (issue) =>
      typeof issue.input === "string"
        ? `must be an array of strings, nothing splits a string: write ${splitCommand(issue.input)}`
        : undefined,
  })
  .min(1, { error: 'must name a program, such as ["/usr/bin/app", "--port", "80"]' })
  .refine((words) => words[0]?.trim() !== "", {
    error: "must begin with the name of a program",
    when: ({ value, issues }) => issues.length === 0 && Array.isArray(value) && value.length > 0,
  });

const milliseconds = z.int().nonnegative();

const document = z
  .strictObject({ inline: z.boolean().optional(), content: z.string().optional(), path: z.string().optional() })
  .refine((doc) => !(doc.content && doc.path), { error: "has both content and path; give one", when: isObject })
  .refine((doc) => !doc.content || doc.path || doc.inline === true, {
    error: "has content, which needs inline: true",
    when: isObject,
  })
  .refine((doc) => !doc.path || doc.content || doc.inline !== true, {
    error: "has path, which needs inline: false, or no inline",
    when: isObject,
  });

const network = z
  .strictObject({
    mode: networkMode,
    subnet: z.string().optional(),
    gateway: z.string().optional(),
    auto_assign: z.boolean().optional(),
  })
  .refine((net) => net.mode !== "bridged" || !net.subnet || net.gateway || net.auto_assign, {
    error: "of mode bridged with a subnet needs a gateway or auto_assign: true",
    when: isObject,
  });

/**
 * The manifest as Volant takes it: both what its code validates (internal/pluginspec) and what its published JSON
 * Schema (plugin-manifest-v1.json) demands. The order of the keys is the order in which fledge writes them.
 */
export const manifestSchema = z
  .strictObject({
    $schema: z.string().optional(),
    schema_version: z.string(),
    name: text,
    version: text,
    runtime: text,
    resources: z.strictObject({ cpu_cores: z.int().positive(), memory_mb: z.int().positive() }),
    workload: z.strictObject({
      type: workloadType,
      base_url: baseUrl,
      entrypoint,
      env: environment.optional(),
      workdir: z.string().optional(),
    }),
    rootfs: z
      .strictObject({ url: artifactUrl, checksum: acceptedChecksum.optional(), format: diskFormat.optional() })
      .optional(),
    initramfs: z.strictObject({ url: artifactUrl, checksum: acceptedChecksum.optional() }).optional(),
    disks: z
      .array(
        z.strictObject({
          name: text,
          source: text,
          checksum: acceptedChecksum.optional(),
          format: diskFormat.optional(),
          readonly: z.boolean().optional(),
          target: z.string().optional(),
        }),
      )
      .optional(),
    network: network.optional(),
    health_check: z.strictObject({ endpoint: z.string(), timeout_ms: milliseconds }).optional(),
    actions: z
      .record(
        z.string(),
        z.strictObject({
          description: z.string().optional(),
          method: text,
          path: text,
          timeout_ms: milliseconds.optional(),
        }),
      )
      .optional(),
    cloud_init: z
      .strictObject({
        datasource: z.string().optional(),
        seed_mode: seedMode.optional(),
        user_data: document.optional(),
        meta_data: document.optional(),
        network_config: document.optional(),
      })
      .optional(),
    devices: z
      .strictObject({
        pci_passthrough: z.array(pciAddress).optional(),
        allowlist: z.array(pciDevicePattern).optional(),
      })
      .optional(),
    labels: labels.optional(),
    enabled: z.boolean().optional(),
    openapi: openapiLocation.optional(),
    image: z.string().optional(),
    image_digest: z.string().optional(),
  })
  .refine((manifest) => manifest.rootfs === undefined || manifest.initramfs === undefined, {
    error: "has both rootfs and initramfs; a plugin boots from exactly one",
    when: isObject,
  })
  .refine((manifest) => manifest.rootfs !== undefined || manifest.initramfs !== undefined, {
    error: "has neither rootfs nor initramfs; a plugin boots from exactly one",
    when: isObject,
  });

/** Volant's manifest, snake_case as in the JSON file. */
export type Manifest = z.infer<typeof manifestSchema>;

// Without a condition of its own, zod skips a refinement when any field is wrong; all problems come at once.
function isObject({ value }: { value: unknown }): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
