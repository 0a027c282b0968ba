import { z } from "zod";

const HOST = "(?:\\[[0-9a-fA-F:]+\\]|[^/:\\s@]+)(?::\\d+)?";
const hostPattern = new RegExp(`^${HOST}$`);
/** Of a mirror: `[http[s]://]HOST[:PORT][/PATH]`. */
export const MIRROR: RegExp = new RegExp(`^(?:https?://)?${HOST}(?:/[^\\s@]*)?$`);

/** How one registry is reached. */
const registryOptions = z.strictObject({
  mirrors: z
    .array(z.string().regex(MIRROR, "a mirror is HOST[:PORT][/PATH], without credentials"))
    .optional()
    .describe("Registries asked first, in order: `HOST[:PORT][/PATH]`; the registry itself comes last"),
  insecure: z
    .boolean()
    .optional()
    .describe("Accept any certificate, and plain HTTP where there is no TLS. Localhost may always speak plain HTTP"),
  ca: z
    .string()
    .min(1)
    .meta({ hostPath: "path" })
    .optional()
    .describe("A PEM file with the authority that signed the registry's certificate"),
});

/** Options of the registries that need any, by host as it stands in image references: `docker.io`, `localhost:5000`. */
export const registriesOptions = z
  .record(z.string().regex(hostPattern, "a registry is HOST[:PORT]"), registryOptions)
  .describe("Mirrors, certificates and plain HTTP, by registry");

export type RegistriesOptions = z.input<typeof registriesOptions>;
