import type { RunContext } from "../../lib/context.ts";
import type { Progress } from "../progress.ts";
import { type PublishedFiles, urlBelow } from "./files.ts";
import { Bucket } from "./s3.ts";
import { findS3Credentials } from "./s3-credentials.ts";
import { uploadArtifact } from "./s3-upload.ts";

type BucketTarget = {
  readonly bucket: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly prefix?: string | undefined;
  readonly url?: string | undefined;
};

/** Puts a build into a bucket: the artifact first, then the manifests that name it. Returns the manifest's URL. */
export async function publishToBucket(
  files: PublishedFiles,
  target: BucketTarget,
  progress: Progress,
  ctx: RunContext,
): Promise<string> {
  const bucket = await bucketAt(target, ctx);
  const prefix = (target.prefix ?? "").replace(/^\/+|\/+$/g, "");
  const keyOf = (name: string): string => (prefix === "" ? name : `${prefix}/${name}`);
  const urlOf = (name: string): string =>
    target.url === undefined ? bucket.urlOf(keyOf(name)).href : urlBelow(target.url, keyOf(name));
  await uploadArtifact(bucket, keyOf(files.artifact.name), files.artifact, progress);
  const body = files.manifest(urlOf(files.artifact.name));
  const headers = { "content-type": "application/json" };
  for (const name of files.manifests) {
    await (await bucket.send(keyOf(name), { method: "PUT", headers, body })).discard();
  }
  return urlOf(files.manifests[0]);
}

/** A bucket by what a config says and what the environment adds. Throws a `usage` error without credentials. */
export async function bucketAt(
  { bucket, region: given, endpoint: written }: Pick<BucketTarget, "bucket" | "region" | "endpoint">,
  ctx: RunContext,
): Promise<Bucket> {
  const { env } = ctx;
  const region = given ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1");
  const own = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || `https://s3.${region}.amazonaws.com`;
  const endpoint = (written ?? own).replace(/\/+$/, "");
  return new Bucket({ bucket, region, endpoint }, await findS3Credentials(env), ctx);
}
