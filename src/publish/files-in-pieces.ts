import { type Digest, sha256 } from "../lib/digest.ts";
import type { Uploads } from "../registry/upload.ts";
import { inMemory, type Progress } from "./progress.ts";

export { fetchFile } from "./fetch.ts";
export { type Piece, pushPieces } from "./pieces.ts";
export { Progress } from "./progress.ts";
export { writeSparse } from "./sparse.ts";
export { bucketAt } from "./targets/bucket.ts";
export { Bucket } from "./targets/s3.ts";
export { uploadArtifact as uploadToBucket } from "./targets/s3-upload.ts";

/** Pushes a blob that is in memory; returns what a manifest says of it. */
export async function putBytes(
  uploads: Uploads,
  progress: Progress,
  bytes: Uint8Array,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  await progress.put(uploads, inMemory(bytes), 0);
  return { digest: sha256(bytes), size: bytes.length };
}
