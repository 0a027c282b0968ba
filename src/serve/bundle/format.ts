import { z } from "zod";
import { FledgeError } from "../../lib/errors.ts";

/** The first member of a bundle that fledge has packed. One without it is a folder that somebody has put into a tar. */
export const INFO_NAME = ".fledge-bundle.json";

/** Not more than this is read of it. */
export const MAX_INFO_BYTES: number = 16 * 2 ** 20;

/** Whether a path is relative, and has no `..` to lead out by. */
export function staysInside(path: string): boolean {
  return !path.startsWith("/") && !path.includes("\0") && !path.split("/").includes("..");
}

const place = z.string().min(1).refine(staysInside, "leads out of the bundle");

const infoSchema = z.strictObject({
  format: z.literal(1).describe("Of this file"),
  config: place.describe("The config to load, relative to the top of the bundle"),
  manifest: place.optional().describe("Instead of the manifest.toml beside it"),
  links: z
    .array(z.tuple([z.string(), z.string()]))
    .default([])
    .describe("Symlinks of the guest's, as place and target, which lead out of the bundle; bytes as latin1"),
});

/** What a bundle says of itself. */
export type BundleInfo = z.infer<typeof infoSchema>;

/** Throws a `source` error for what is none. */
export function parseInfo(text: string): BundleInfo {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new FledgeError("source", `the bundle's ${INFO_NAME} is not JSON`, { cause });
  }
  const parsed = infoSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new FledgeError("source", `the bundle's ${INFO_NAME} is none that this fledge knows`, {
    hint: "pack and build with the same version of fledge",
    problems: parsed.error.issues.map(({ path, message }) => ({ message: `${path.join(".")}: ${message}` })),
  });
}
