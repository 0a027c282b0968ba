import type { RunContext } from "../lib/context.ts";
import { sha256 } from "../lib/digest.ts";
import type { UploadContent, Uploads } from "../registry/upload.ts";

/** What is sent of several blobs, told in bytes of what they stand for, whatever they pack to. */
export class Progress {
  readonly #total: number;
  readonly #ctx: Pick<RunContext, "progress">;
  #done = 0;
  #sent = 0;

  constructor(totalBytes: number, ctx: Pick<RunContext, "progress">) {
    this.#total = totalBytes;
    this.#ctx = ctx;
  }

  get sentBytes(): number {
    return this.#sent;
  }

  /** Sends a blob that stands for so many bytes; its own size unless given. */
  async put(uploads: Uploads, content: UploadContent, stands = content.size): Promise<void> {
    let told = 0;
    const tell = (bytes: number): void => {
      this.add(bytes - told);
      told = bytes;
    };
    const isSent = await uploads.put(content, (bytes) => tell(Math.floor((bytes / content.size) * stands)));
    if (isSent) this.#sent += content.size;
    tell(stands);
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#ctx.progress(Math.min(this.#done, this.#total), this.#total);
  }

  /** What went another way than through `put`. */
  addSent(bytes: number): void {
    this.#sent += bytes;
  }
}

export function inMemory(bytes: Uint8Array): UploadContent {
  return {
    digest: sha256(bytes),
    size: bytes.length,
    read: async (at, length) => bytes.subarray(at, at + length),
  };
}
