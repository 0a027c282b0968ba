import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";

/** The credentials that the server of `startBuckets` knows. */
export const BUCKET_KEYS = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };

/** A server that speaks S3, with the bucket `plugins`, on a free port of 127.0.0.1. */
export type Buckets = {
  readonly endpoint: string;
  /** What there is of uploads in parts that nobody has completed. */
  unfinished(): readonly { readonly id: string; readonly key: string; readonly parts: readonly number[] }[];
  stop(): Promise<void>;
};

/** `lists`: it says what there is of unfinished uploads, which s3rver answers with "not implemented", as S3 does. */
export async function startBuckets({ lists = false }: { readonly lists?: boolean } = {}): Promise<Buckets> {
  const directory = mkdtempSync(join(tmpdir(), "fledge-bucket-"));
  const configureBuckets = [{ name: "plugins", configs: [] }];
  const server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory, configureBuckets });
  const uploads = join(directory, "plugins/._S3rver_uploads");
  const textOf = (...names: string[]): string => readFileSync(join(uploads, ...names), "utf8");
  const partsOf = (id: string): number[] => {
    const names = readdirSync(join(uploads, id)).filter((name) => name.endsWith(".md5"));
    return names.map((name) => Number(name.slice(0, -4))).sort((a, b) => a - b);
  };
  const unfinished = () => {
    const ids = existsSync(uploads) ? readdirSync(uploads) : [];
    return ids.map((id) => ({ id, key: textOf(id, "key"), parts: partsOf(id) }));
  };
  if (lists) {
    server.middleware.unshift(async (ctx, next) => {
      if (ctx.method !== "GET") return await next();
      const { uploads: all, uploadId } = ctx.query;
      if (all !== undefined) {
        const shown = unfinished().map(({ id, key }) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
        ctx.body = `<ListMultipartUploadsResult>${shown.join("")}</ListMultipartUploadsResult>`;
      } else if (uploadId !== undefined) {
        const shown = partsOf(uploadId).map((part) => {
          const etag = textOf(uploadId, `${part}.md5`);
          return `<Part><PartNumber>${part}</PartNumber><ETag>&quot;${etag}&quot;</ETag></Part>`;
        });
        ctx.body = `<ListPartsResult>${shown.join("")}</ListPartsResult>`;
      } else await next();
    });
  }
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    unfinished,
    async stop() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
