import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";

/** The credentials that the server of `startBuckets` knows. */
export const BUCKET_KEYS = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };

/** A server that speaks S3, with the bucket `plugins`, on a free port of 127.0.0.1. */
export async function startBuckets(): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "fledge-bucket-"));
  const configureBuckets = [{ name: "plugins", configs: [] }];
  const server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory, configureBuckets });
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
