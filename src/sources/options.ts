import { z } from "zod";
import { customSourceOptions } from "./custom/options.ts";

export { type RegistriesOptions, registriesOptions } from "./registries-options.ts";

const path = z.string().min(1);

/** `linux/amd64`, `linux/arm64/v8`, or the architecture alone. */
export const platformOptions = z
  .string()
  .regex(
    /^[a-z0-9_-]+(\/[a-z0-9_-]+(\/[a-z0-9_.-]+)?)?$/,
    'is not a platform such as "linux/amd64" or "linux/arm64/v8"',
  );

const tag = z.string().min(1).optional().describe("which of several images");

/** What the root filesystem starts from. */
export const sourceOptions = z.union([
  z.strictObject({
    image: z
      .string()
      .min(1)
      .describe("an image reference, e.g. nginx:alpine; oci:, oci-archive:, docker-archive: also work"),
    platform: platformOptions.optional().describe("of the image, when it differs from the plugin's"),
  }),
  z.strictObject({
    dockerfile: path.describe("path of the Dockerfile"),
    context: path.optional().describe("build context; default the Dockerfile's folder"),
    target: z.string().min(1).optional().describe("stage to build"),
    buildArgs: z.record(z.string(), z.string()).optional().describe("values of ARG"),
  }),
  z.strictObject({
    layout: path.describe("folder of an OCI image layout"),
    tag,
    platform: platformOptions.optional(),
  }),
  z.strictObject({
    archive: path.describe("an image archive, as docker save or skopeo write it"),
    tag,
    platform: platformOptions.optional(),
  }),
  z.strictObject({ tar: path.describe("a tar of a root filesystem, compressed or not") }),
  z.strictObject({ dir: path.describe("a folder that holds a root filesystem") }),
  customSourceOptions,
]);

/** What the plugin will boot on. */
export const guestOptions = z.strictObject({
  kernel: z
    .enum(["stock", "custom"])
    .describe(
      '"custom" says that your kernel has what the artifact needs, and silences the warnings about the stock one',
    ),
});

export type SourceOptions = z.output<typeof sourceOptions>;
export type GuestOptions = z.output<typeof guestOptions>;
