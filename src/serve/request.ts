import { z } from "zod";

/** What is to be built of a project, and how: what a command line would say. */
export const requestSchema = z.strictObject({
  plugin: z.string().min(1).max(200).optional().describe("The plugin's name; of a config with one it may be left out"),
  platform: z
    .string()
    .regex(/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/)
    .optional()
    .describe("Of the guest, one of those that the config has: linux/amd64, linux/arm64"),
  config: z.string().min(1).max(4096).optional().describe("The config's file, below the project's folder"),
  mode: z.string().min(1).max(100).default("production").describe('What a function config gets as "mode"'),
  verify: z.boolean().default(false).describe("Read the artifact back and compare it with what was meant"),
  force: z.boolean().default(false).describe("Write the artifact also when it is there already"),
  frozen: z.boolean().default(false).describe("Fail when fledge.lock does not hold all that is fetched"),
  offline: z.boolean().default(false).describe("Use no network"),
  sourceDateEpoch: z.int().min(0).max(99_999_999_999).optional().describe("Seconds since 1970, as SOURCE_DATE_EPOCH"),
});

/** A request with its defaults. */
export type BuildRequest = z.infer<typeof requestSchema>;
