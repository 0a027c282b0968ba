import { z } from "zod";
import { customSourceOptions } from "./custom/options.ts";
import { dockerfileOptions } from "./engines/options.ts";
import { platformOptions } from "./platform-options.ts";

export { type RegistriesOptions, registriesOptions } from "../registry/options.ts";
export { platformOptions } from "./platform-options.ts";

const path = z.string().min(1).meta({ hostPath: "path" });

const tag = z.string().min(1).optional().describe("which of several images");

/** What the root filesystem starts from. */
export const sourceOptions = z
  .union([
    z.strictObject({
      image: z
        .string()
        .min(1)
        .meta({ hostPath: "image" })
        .describe(
          "an image reference, e.g. nginx:alpine; oci:, oci-archive:, docker-archive:, docker-daemon:, containers-storage: also work",
        ),
      platform: platformOptions.optional().describe("of the image, when it differs from the plugin's"),
    }),
    dockerfileOptions,
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
  ])
  .meta({ hint: 'an image of a registry is { image: "nginx:alpine" }' });

export type SourceOptions = z.output<typeof sourceOptions>;
