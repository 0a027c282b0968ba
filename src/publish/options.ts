import { z } from "zod";

const url = z.url({ protocol: /^https?$/, error: "write a URL like https://plugins.example.org" });
const NAMES = "{name} and {version} are the plugin's";

/** One place that a plugin is published to. */
export const publishTarget = z.union([
  z.strictObject({
    registry: z
      .string()
      .min(1)
      .describe(`an OCI registry, "registry.example.org/team/{name}:{version}"; ${NAMES}; without a tag: latest`),
    asImage: z.boolean().optional().describe("as a container image of the same tree instead, for docker and podman"),
  }),
  z.strictObject({
    dir: z.string().min(1).meta({ hostPath: "path" }).describe("a folder, for instance what a web server serves"),
    url: url.optional().describe("where that folder is served; default: manifests name the files by their paths"),
  }),
  z.strictObject({
    bucket: z.string().min(1).describe("a bucket of S3, or of what speaks like it"),
    endpoint: url.optional().describe("of another service than AWS, https://minio.example.org"),
    region: z.string().min(1).optional().describe("default: AWS_REGION, else us-east-1"),
    prefix: z.string().optional().describe(`what the names in the bucket begin with, "plugins/{name}"; ${NAMES}`),
    url: url.optional().describe("where what is in the bucket is served; default: the bucket's own address"),
  }),
]);

/** Where `fledge publish` takes what it builds. */
export const publishOptions = z.strictObject({
  to: z.array(publishTarget).min(1, "is empty").describe("where fledge publish takes the plugin, all of them"),
});

export type PublishTarget = z.output<typeof publishTarget>;
export type PublishOptions = z.output<typeof publishOptions>;
