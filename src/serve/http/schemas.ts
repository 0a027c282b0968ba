import { z } from "zod";
import { requestSchema } from "../request.ts";

/** A build of a folder of the machine that builds. */
export const folderBuildSchema = requestSchema.extend({
  root: z.string().min(1).max(4096).describe("The project's folder, below one of the folders of --root"),
});

/** What stands in the URL of a build whose project is the body. */
export const bundleQuerySchema = requestSchema.extend({
  verify: z.stringbool().default(false),
  force: z.stringbool().default(false),
  frozen: z.stringbool().default(false),
  offline: z.stringbool().default(false),
  sourceDateEpoch: z.coerce.number().int().min(0).max(99_999_999_999).optional(),
});

/** What the Go original's users send. */
export const originalBuildSchema = z.object({
  config_path: z.string().min(1).max(4096).describe("A config, below one of the folders of --root"),
  output_path: z.string().max(4096).default("").describe("Where the artifact goes; default beside the config"),
});

export const originalResultSchema = z.object({ output: z.string().describe("Where the artifact is") });

const problemSchema = z.object({
  message: z.string(),
  file: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
  hint: z.string().optional(),
});

const errorDataSchema = z.object({
  code: z.string().describe("What went wrong, as one word"),
  message: z.string().describe("What failed, and why"),
  hint: z.string().optional().describe("What to do next"),
  problems: z.array(problemSchema).optional(),
});

/** The body of every answer that is an error. */
export const errorSchema = z.object({
  error: errorDataSchema.extend({
    position: z.int().optional().describe("Where in a full queue it would have been"),
  }),
});

const fileSchema = z.object({
  name: z.string(),
  sizeBytes: z.int(),
  digest: z.string().describe("sha256:HEX"),
});

/** A build as it is shown. */
export const buildSchema = z.object({
  id: z.string(),
  state: z.enum(["queued", "running", "done", "failed", "cancelled"]),
  position: z.int().optional().describe("In the queue; 1 is the next to run, 0 is about to"),
  request: requestSchema,
  source: z.object({ kind: z.enum(["bundle", "folder"]), digest: z.string().optional(), path: z.string().optional() }),
  by: z.string().optional().describe("Whose token asked for it"),
  createdMs: z.number().describe("Milliseconds since 1970, as the other times"),
  startedMs: z.number().optional(),
  endedMs: z.number().optional(),
  attempts: z.int(),
  error: errorDataSchema.optional(),
  outputs: z.object({ artifact: fileSchema, manifest: fileSchema.optional() }).optional(),
});

export const buildsSchema = z.object({
  builds: z.array(buildSchema).describe("The newest first"),
  queue: z.object({ running: z.int(), queued: z.int(), jobs: z.int(), maxQueued: z.int() }),
});

export const submittedSchema = z.object({
  id: z.string(),
  position: z.int().describe("In the queue; 0 when it runs at once"),
  isNew: z.boolean().describe("False when the Idempotency-Key was known"),
});

export const ticketSchema = z.object({ url: z.string().describe("Good for a minute, without a token") });

/** The data of an event of the stream. */
export const eventSchema = z.looseObject({
  type: z.string().describe("state, stage:start, stage:progress, stage:done, log, warning, build:done, ..."),
});
