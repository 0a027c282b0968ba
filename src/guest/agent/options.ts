import { z } from "zod";

const checksum = z.string().optional().describe("sha256 of the agent; the download is refused when it differs");

/** Where the Volant agent (kestrel) comes from. */
export const agentOptions = z.union([
  z.strictObject({
    release: z.string().min(1).describe('a release tag of the repository, or "latest"'),
    repository: z.string().optional().describe("owner/name on GitHub; default volantvm/volant"),
    apiUrl: z.string().optional().describe("base URL of the GitHub API, for a mirror"),
    asset: z.string().optional().describe("name of the release asset; default kestrel"),
    checksum,
  }),
  z.strictObject({ path: z.string().min(1).describe("a file on this machine"), checksum }),
  z.strictObject({ url: z.string().min(1).describe("an http(s) or file URL"), checksum }),
]);

export type AgentOptions = z.output<typeof agentOptions>;
