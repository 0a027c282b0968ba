import * as z from "zod";

/** Where a file of Volant's comes from: a release on GitHub, a file of this machine, or a URL. */
export function downloadOptions({ what, asset }: { readonly what: string; readonly asset: string }) {
  const checksum = z.string().optional().describe(`sha256:HEX that the ${what} must have`);
  return z.union([
    z.strictObject({
      release: z.string().min(1).describe('tag of a release, or "latest"'),
      repository: z
        .string()
        .regex(/^[\w.-]+\/[\w.-]+$/, "must be OWNER/NAME")
        .optional()
        .describe(`repository on GitHub. Default: ${DEFAULT_REPOSITORY}`),
      apiUrl: z
        .url()
        .optional()
        .describe("base URL of the GitHub API, for mirrors. Default: $GITHUB_API_URL, else https://api.github.com"),
      asset: z.string().min(1).optional().describe(`name of the release's asset. Default: ${asset}`),
      checksum,
    }),
    z.strictObject({
      path: z.string().min(1).meta({ hostPath: "path" }).describe(`${what} on this machine`),
      checksum,
    }),
    z.strictObject({
      url: z.string().min(1).meta({ hostPath: "url" }).describe(`http(s) URL of the ${what}`),
      checksum,
    }),
  ]);
}

export type DownloadOptions = z.output<ReturnType<typeof downloadOptions>>;

export type ReleaseOptions = Extract<DownloadOptions, { release: string }>;

export const DEFAULT_REPOSITORY = "volantvm/volant";
