import * as z from "zod";
import type { Env, RunContext } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { openHttp, readBody } from "../lib/network/http.ts";
import { safeUrl } from "../lib/network/http-errors.ts";
import { DEFAULT_REPOSITORY, type ReleaseOptions } from "./options.ts";

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** What fledge reads of GitHub's answer to "Get a release" (REST API, releases). */
const releaseSchema = z.object({
  tag_name: z.string(),
  assets: z.array(
    z.object({ name: z.string(), browser_download_url: z.url({ protocol: /^https?$/ }), digest: z.string().nullish() }),
  ),
});

export type ReleaseAsset = {
  readonly tag: string;
  readonly url: string;
  readonly digest?: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** What is looked for in a release: its name in the config, and the asset that it is by default. */
export type Wanted = { readonly key: string; readonly what: string; readonly asset: string };

/**
 * Asks the API where the asset of a release is. GITHUB_TOKEN goes to the API's own host and nowhere else.
 * Throws a `download` error that names the release, the repository and what is there instead.
 */
export async function findRelease(
  wanted: Wanted,
  options: ReleaseOptions,
  { env, signal }: Pick<RunContext, "env" | "signal">,
): Promise<ReleaseAsset> {
  const { release, repository = DEFAULT_REPOSITORY, asset = wanted.asset } = options;
  const base = apiOf(options, env);
  const which = release === "latest" ? "latest" : `tags/${encodeURIComponent(release)}`;
  const url = `${base}/repos/${repository}/releases/${which}`;
  const authorization = authorizationIn(env);
  const response = await openHttp(url, {
    headers: { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28", ...authorization },
    signal,
    env,
    allowStatus: [401, 403, 404],
  });
  const text = (await readBody(response, MAX_ANSWER_BYTES)).toString("utf8");
  if (response.status !== 200)
    throw refused(response.status, options, { wanted, url, hasToken: "authorization" in authorization });

  const { tag_name: tag, assets } = parseRelease(text, url, wanted);
  const found = assets.find((candidate) => candidate.name === asset);
  if (found === undefined) {
    throw new FledgeError("download", `release ${tag} of ${repository} has no asset "${asset}"`, {
      hint: assets.length === 0 ? "it has no assets at all" : `it has: ${assets.map(({ name }) => name).join(", ")}`,
    });
  }
  return {
    tag,
    url: found.browser_download_url,
    headers: assetHeaders(found.browser_download_url, options, env),
    ...(found.digest?.startsWith("sha256:") && { digest: found.digest }),
  };
}

/** What an asset is asked for with: the API's own host is shown the token, and no other. */
export function assetHeaders(url: string, options: ReleaseOptions, env: Env): Readonly<Record<string, string>> {
  return new URL(url).origin === new URL(apiOf(options, env)).origin ? authorizationIn(env) : {};
}

/** GITHUB_API_URL is what GitHub's own runners set, also on an enterprise server. */
function apiOf({ apiUrl }: ReleaseOptions, env: Env): string {
  return (apiUrl ?? (env.GITHUB_API_URL || "https://api.github.com")).replace(/\/+$/, "");
}

function authorizationIn({ GITHUB_TOKEN, GH_TOKEN }: Env): { authorization?: string } {
  const token = GITHUB_TOKEN || GH_TOKEN;
  return token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` };
}

function parseRelease(text: string, url: string, wanted: Wanted): z.output<typeof releaseSchema> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw notTheApi(url, wanted, error);
  }
  const parsed = releaseSchema.safeParse(document);
  if (!parsed.success) throw notTheApi(url, wanted, parsed.error);
  return parsed.data;
}

function notTheApi(url: string, { key }: Wanted, cause: unknown): FledgeError {
  return new FledgeError("download", `${safeUrl(url)} did not answer as the GitHub API does`, {
    cause,
    hint: `check ${key}.apiUrl; it is the base URL of the API, not of the web site`,
  });
}

function refused(
  status: number,
  { release, repository = DEFAULT_REPOSITORY }: ReleaseOptions,
  { wanted: { key, what }, url, hasToken }: { wanted: Wanted; url: string; hasToken: boolean },
): FledgeError {
  const where = safeUrl(url);
  if (status === 404) {
    const what = release === "latest" ? "has no release" : `has no release "${release}"`;
    return new FledgeError("download", `${repository} ${what} (${where} answered 404)`, {
      hint: `check ${key}.release and ${key}.repository; a private repository needs GITHUB_TOKEN`,
    });
  }
  return new FledgeError("download", `${where} answered ${status}`, {
    hint: hasToken
      ? `is the token in GITHUB_TOKEN or GH_TOKEN still valid, and may it read ${repository}?`
      : `GitHub limits anonymous requests: set GITHUB_TOKEN, or pin ${what} with ${key}.url and ${key}.checksum`,
  });
}
