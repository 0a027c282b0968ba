import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { hexOf } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { inParallel } from "../../lib/jobs.ts";
import { readAt } from "../pieces.ts";
import type { Progress } from "../progress.ts";
import type { PublishedFiles } from "./files.ts";
import { type Bucket, elementIn } from "./s3.ts";

/** S3 takes at least 5 MiB, and 10,000 parts. */
const PART_BYTES = 32 * 2 ** 20;
const PARALLEL_PARTS = 4;

const DIGEST = "x-amz-meta-sha256";

type Artifact = Omit<PublishedFiles["artifact"], "name">;
type Part = { readonly number: number; readonly etag: string };

/**
 * Uploads an artifact unless it is there. In parts, so that what breaks is sent again and not all of it; what a killed
 * upload of the same artifact has sent is taken up.
 */
export async function uploadArtifact(
  bucket: Bucket,
  key: string,
  artifact: Artifact,
  progress: Progress,
): Promise<void> {
  if (await isThere(bucket, key, artifact)) {
    progress.add(artifact.sizeBytes);
    return;
  }
  const file = await open(artifact.path).catch((error: unknown) => {
    throw ioError(error, "read", artifact.path);
  });
  try {
    if (artifact.sizeBytes <= PART_BYTES) {
      const body = await readAt(file, 0, artifact.sizeBytes);
      await (await bucket.send(key, { method: "PUT", headers: headersOf(artifact), body })).discard();
      progress.add(body.length);
      progress.addSent(body.length);
    } else {
      await uploadParts(bucket, key, { file, artifact }, progress).catch(async (error: unknown) => {
        // Another process that has taken up the same upload may have completed it.
        if (!(await isThere(bucket, key, artifact))) throw error;
      });
    }
  } finally {
    await file.close();
  }
}

async function isThere(bucket: Bucket, key: string, { digest, sizeBytes }: Artifact): Promise<boolean> {
  // Of what is not there S3 says 403 to those who may not list; who may not write hears so in words when they do.
  const response = await bucket.send(key, { method: "HEAD", allowStatus: [403, 404] });
  await response.discard();
  const { headers, status } = response;
  return status === 200 && headers[DIGEST] === hexOf(digest) && Number(headers["content-length"]) === sizeBytes;
}

function headersOf({ digest }: Artifact): Readonly<Record<string, string>> {
  return { "content-type": "application/octet-stream", [DIGEST]: hexOf(digest) };
}

async function uploadParts(
  bucket: Bucket,
  key: string,
  { file, artifact }: { readonly file: FileHandle; readonly artifact: Artifact },
  progress: Progress,
): Promise<void> {
  const uploadId = (await unfinished(bucket, key)) ?? (await begin(bucket, key, artifact));
  const known = await partsOf(bucket, key, uploadId);
  const count = Math.ceil(artifact.sizeBytes / PART_BYTES);
  const parts = await inParallel([...new Array(count).keys()], PARALLEL_PARTS, async (index): Promise<Part> => {
    const at = index * PART_BYTES;
    const body = await readAt(file, at, Math.min(PART_BYTES, artifact.sizeBytes - at));
    const number = index + 1;
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    if (known.get(number) === etag) {
      progress.add(body.length);
      return { number, etag };
    }
    const part = await sendPart(bucket, key, { uploadId, number, body });
    progress.add(body.length);
    progress.addSent(body.length);
    return part;
  });
  await complete(bucket, key, { uploadId, parts });
}

async function begin(bucket: Bucket, key: string, artifact: Artifact): Promise<string> {
  const request = { method: "POST", query: { uploads: "" }, headers: headersOf(artifact), tries: 4 } as const;
  const uploadId = elementIn(await bucket.text(key, request), "UploadId");
  if (uploadId !== undefined) return uploadId;
  throw new FledgeError("download", `the bucket ${bucket.place.bucket} begins no upload in parts`, {
    hint: "it may not speak S3: check the endpoint",
  });
}

/** The upload of the same key that a killed process has left; undefined where the service does not tell. */
async function unfinished(bucket: Bucket, key: string): Promise<string | undefined> {
  const query = { uploads: "", prefix: key };
  const text = await bucket.text("", { method: "GET", query, allowStatus: [400, 403, 404, 405, 501] });
  const uploads = text.split("<Upload>").slice(1);
  const own = uploads.find((upload) => elementIn(upload, "Key") === key);
  return own && elementIn(own, "UploadId");
}

async function partsOf(bucket: Bucket, key: string, uploadId: string): Promise<ReadonlyMap<number, string>> {
  const query = { uploadId, "max-parts": "1000" };
  const text = await bucket.text(key, { method: "GET", query, allowStatus: [400, 403, 404, 405, 501] });
  const parts = text.split("<Part>").slice(1);
  return new Map(parts.map((part) => [Number(elementIn(part, "PartNumber")), elementIn(part, "ETag") ?? ""]));
}

async function sendPart(
  bucket: Bucket,
  key: string,
  { uploadId, number, body }: { readonly uploadId: string; readonly number: number; readonly body: Buffer },
): Promise<Part> {
  const response = await bucket.send(key, { method: "PUT", query: { uploadId, partNumber: String(number) }, body });
  await response.discard();
  const { etag } = response.headers;
  if (etag !== undefined) return { number, etag };
  throw new FledgeError("download", `the bucket ${bucket.place.bucket} does not say what it has got of ${key}`);
}

async function complete(
  bucket: Bucket,
  key: string,
  { uploadId, parts }: { readonly uploadId: string; readonly parts: readonly Part[] },
): Promise<void> {
  const list = parts.map(({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
  const body = Buffer.from(`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`);
  const text = await bucket.text(key, { method: "POST", query: { uploadId }, body });
  // It answers 200 before it is done, and says in the body what came of it.
  if (!/<Error>/.test(text)) return;
  throw new FledgeError("download", `the bucket ${bucket.place.bucket} did not put ${key} together`, {
    hint: `${elementIn(text, "Code") ?? "it does not say why"}: publish it again`,
  });
}
