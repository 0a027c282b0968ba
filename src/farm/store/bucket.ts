import { z } from "zod";
import type { RunContext } from "../../lib/context.ts";
import { type Digest, hexOf } from "../../lib/digest.ts";
import { FledgeError, isFledgeError } from "../../lib/errors.ts";
import { writeSparseFile } from "../../lib/files/sparse.ts";
import { backoffMs, sleep } from "../../lib/network/retry.ts";
import { Progress } from "../../publish/progress.ts";
import type { Bucket } from "../../publish/targets/s3.ts";
import { uploadArtifact } from "../../publish/targets/s3-upload.ts";
import { type FarmStore, type LocalFile, type StoredFile, type StoredSet, storedFile } from "./contract.ts";

// PREFIX/sets/NAME.json lists the files of a set, PREFIX/blobs/HEX are their bytes.

const setSchema = z.array(storedFile);

/** Breaks in a row that brought nothing. */
const TRIES = 5;

/** A bucket as a farm's store. */
export class BucketStore implements FarmStore {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #ctx: RunContext;

  constructor(bucket: Bucket, prefix: string, ctx: RunContext) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#ctx = ctx;
  }

  get name(): string {
    return `s3://${this.#bucket.place.bucket}${this.#prefix === "" ? "" : `/${this.#prefix}`}`;
  }

  async has(set: string): Promise<boolean> {
    const head = await this.#bucket.send(this.#key(`sets/${set}.json`), { method: "HEAD", allowStatus: [403, 404] });
    await head.discard();
    // S3 says 403 of what is not there to those who may not list.
    return head.status === 200;
  }

  async put(set: string, files: readonly LocalFile[]): Promise<void> {
    const progress = new Progress(
      files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      this.#ctx,
    );
    for (const file of files) await uploadArtifact(this.#bucket, this.#blob(file.digest), file, progress);
    const list = files.map(({ name, digest: whole, sizeBytes }) => ({ name, digest: whole, sizeBytes }));
    const body = Buffer.from(JSON.stringify(list));
    const headers = { "content-type": "application/json" };
    await (await this.#bucket.send(this.#key(`sets/${set}.json`), { method: "PUT", headers, body })).discard();
  }

  async open(set: string): Promise<StoredSet> {
    const key = this.#key(`sets/${set}.json`);
    const { success, data: files } = setSchema.safeParse(JSON.parse(await this.#bucket.text(key, { method: "GET" })));
    if (!success) {
      throw new FledgeError("source", `${key} of ${this.name} is nothing that a farm has put there`, {
        hint: "give the farm a bucket or a prefix of its own",
      });
    }
    return {
      files,
      get: async (name, to) => {
        const file = files.find((one) => one.name === name);
        if (file === undefined) throw new FledgeError("source", `${this.name} has no ${name} in ${set}`);
        if ((await writeSparseFile(to, this.#bytes(file))).digest === file.digest) return;
        throw new FledgeError(
          "checksum",
          `${name} of ${set} in ${this.name} has other bytes than it was put there with`,
        );
      },
    };
  }

  /** Goes on where a connection breaks. */
  async *#bytes({ digest: whole, sizeBytes }: StoredFile): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0, fruitless = 0; at < sizeBytes; ) {
      const before = at;
      try {
        const headers = { range: `bytes=${at}-${sizeBytes - 1}` };
        const response = await this.#bucket.send(this.#blob(whole), { method: "GET", headers });
        for await (const chunk of response.body) {
          yield chunk;
          at += chunk.length;
        }
      } catch (error) {
        fruitless = at > before ? 0 : fruitless + 1;
        if (!isFledgeError(error) || error.code === "aborted" || fruitless >= TRIES) throw error;
        await sleep(backoffMs(fruitless + 1, 200), this.#ctx.signal);
      }
    }
  }

  #blob(whole: Digest): string {
    return this.#key(`blobs/${hexOf(whole)}`);
  }

  #key(name: string): string {
    return this.#prefix === "" ? name : `${this.#prefix}/${name}`;
  }
}
