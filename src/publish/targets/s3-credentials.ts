import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Env } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";

/** What signs requests to a bucket. */
export type S3Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

/**
 * From AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else from the profile AWS_PROFILE of the file that `aws configure`
 * writes. Throws a `usage` error when there are none.
 */
export async function findS3Credentials(env: Env): Promise<S3Credentials> {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  const file = env.AWS_SHARED_CREDENTIALS_FILE || join(env.HOME || homedir(), ".aws/credentials");
  const profile = env.AWS_PROFILE || "default";
  const found = profileIn(await readFile(file, "utf8").catch(() => ""), profile);
  if (found.aws_access_key_id && found.aws_secret_access_key) {
    const token = found.aws_session_token;
    return {
      accessKeyId: found.aws_access_key_id,
      secretAccessKey: found.aws_secret_access_key,
      ...(token && { sessionToken: token }),
    };
  }
  throw new FledgeError("usage", "there are no credentials for the bucket", {
    hint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add the profile "${profile}" to ${file}`,
  });
}

/** The keys of one section. */
function profileIn(text: string, profile: string): Readonly<Record<string, string | undefined>> {
  const values: Record<string, string> = {};
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (section === profile && key !== undefined && value !== undefined) values[key.toLowerCase()] = value;
  }
  return values;
}
