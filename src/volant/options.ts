import { z } from "zod";

const strings = z.record(z.string(), z.string());
const words = z.array(z.string()).min(1);
const word = z.string().refine((text) => !/\s/.test(text), {
  error: (issue) => `nothing splits it into words: write ${JSON.stringify(String(issue.input).trim().split(/\s+/))}`,
});
const command = z.union([words, word]);
const document = z.strictObject({
  inline: z.boolean().optional(),
  content: z.string().optional(),
  path: z.string().optional(),
});

/** The part of the plugin manifest that a person writes; fledge adds the artifact and what the image says. */
export const manifestOptions = z.strictObject({
  schemaVersion: z.string().optional(),
  runtime: z.string().optional(),
  resources: z
    .strictObject({ cpuCores: z.int().positive().optional(), memoryMb: z.int().positive().optional() })
    .optional(),
  workload: z
    .strictObject({
      type: z.string().optional(),
      baseUrl: z.string().optional(),
      entrypoint: command.optional(),
      args: z.array(z.string()).optional(),
      env: strings.optional(),
      workdir: z.string().optional(),
    })
    .optional(),
  entrypoint: command.optional(),
  args: z.array(z.string()).optional(),
  env: strings.optional(),
  network: z
    .strictObject({
      mode: z.enum(["vsock", "bridged", "dhcp"]).optional(),
      subnet: z.string().optional(),
      gateway: z.string().optional(),
      autoAssign: z.boolean().optional(),
      expose: z
        .array(
          z.strictObject({
            port: z.int(),
            protocol: z.string().optional(),
            hostPort: z.int().optional(),
            name: z.string().optional(),
          }),
        )
        .optional(),
    })
    .optional(),
  healthCheck: z.strictObject({ endpoint: z.string(), timeoutMs: z.int().optional() }).optional(),
  actions: z
    .record(
      z.string(),
      z.strictObject({
        description: z.string().optional(),
        method: z.string(),
        path: z.string(),
        timeoutMs: z.int().optional(),
      }),
    )
    .optional(),
  cloudInit: z
    .strictObject({
      datasource: z.string().optional(),
      seedMode: z.string().optional(),
      userData: document.optional(),
      metaData: document.optional(),
      networkConfig: document.optional(),
    })
    .optional(),
  devices: z
    .strictObject({ pciPassthrough: z.array(z.string()).optional(), allowlist: z.array(z.string()).optional() })
    .optional(),
  disks: z
    .array(
      z.strictObject({
        name: z.string(),
        source: z.string(),
        checksum: z.string().optional(),
        format: z.enum(["raw", "qcow2"]).optional(),
        readonly: z.boolean().optional(),
        target: z.string().optional(),
      }),
    )
    .optional(),
  labels: strings.optional(),
  enabled: z.boolean().optional(),
  openapi: z.string().optional(),
  url: z.union([z.string(), z.custom<(fileName: string) => string>((value) => typeof value === "function")]).optional(),
});

export type ManifestOptions = z.input<typeof manifestOptions>;
