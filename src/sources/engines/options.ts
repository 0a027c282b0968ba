import { z } from "zod";
import { platformOptions } from "../platform-options.ts";

/** The programs that can build a Dockerfile, in the order in which they are tried. */
export const BUILDERS = ["buildkit", "docker", "podman", "buildah"] as const;
export type BuilderName = (typeof BUILDERS)[number];

const path = z.string().min(1).meta({ hostPath: "path" });

// What `--secret id=ID` of every builder takes.
const secretId = z.string().regex(/^\w[\w.-]*$/, "is not the id of a secret; use letters, digits, _, . and -");

const secret = z.union([
  z.strictObject({ file: path.describe("a file of this machine that holds it") }),
  z.strictObject({ env: z.string().regex(/^\w+$/, "is not a variable").describe("the variable that holds it") }),
]);

const argName = z.string().regex(/^[A-Za-z_]\w*$/, "is not the name of an ARG");

/** An image that is built from a Dockerfile, by a program that fledge finds on the machine. */
export const dockerfileOptions = z.strictObject({
  dockerfile: path
    .refine((name) => name !== "-", "must be a file; standard input is not read")
    .describe("path of the Dockerfile"),
  context: path.optional().describe("build context, a folder; default the Dockerfile's folder"),
  target: z.string().min(1).optional().describe("stage to build; default the last one"),
  buildArgs: z.record(argName, z.string()).optional().describe("values of ARG; they stay in the image's history"),
  secrets: z
    .record(secretId, secret)
    .optional()
    .describe("for RUN --mount=type=secret,id=ID: { file } or { env }; they stay out of the image"),
  platform: platformOptions.optional().describe("of the image, when it differs from the plugin's"),
  builder: z.enum(BUILDERS).optional().describe("what builds it; default the first of them that works here"),
  address: z
    .string()
    .min(1)
    .optional()
    .describe("of the BuildKit daemon, e.g. tcp://127.0.0.1:1234; default FLEDGE_BUILDKIT_ADDR, else buildctl's own"),
});

export type DockerfileOptions = z.output<typeof dockerfileOptions>;
