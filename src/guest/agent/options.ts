import * as z from "zod";

const checksum = z.string().optional().describe("sha256:HEX that the agent must have");

/** Where the agent comes from: a release on GitHub, a file of this machine, or a URL. */
export const agentOptions = z.union([
  z.strictObject({
    release: z.string().min(1).describe('tag of a release, or "latest"'),
    repository: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/, "must be OWNER/NAME")
      .optional()
      .describe("repository on GitHub. Default: volantvm/volant"),
    apiUrl: z
      .url()
      .optional()
      .describe("base URL of the GitHub API, for mirrors. Default: $GITHUB_API_URL, else https://api.github.com"),
    asset: z.string().min(1).optional().describe("name of the release's asset. Default: kestrel"),
    checksum,
  }),
  z.strictObject({
    path: z.string().min(1).meta({ hostPath: "path" }).describe("agent binary on this machine"),
    checksum,
  }),
  z.strictObject({
    url: z.string().min(1).meta({ hostPath: "url" }).describe("http(s) URL of the agent binary"),
    checksum,
  }),
]);

export type AgentOptions = z.output<typeof agentOptions>;

export type ReleaseOptions = Extract<AgentOptions, { release: string }>;

export const DEFAULT_REPOSITORY = "volantvm/volant";
export const DEFAULT_ASSET = "kestrel";
