import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { type Digest, digestFromHex, digestOf } from "../digest.ts";
import { FledgeError } from "../errors.ts";

/** SHA-256 of bytes that are given one after the other. Close it in any case, or the process does not end. */
export interface Hasher {
  /** Adds bytes of a `sharedBuffer`, which must not change until this resolves. */
  update(bytes: Uint8Array): Promise<void>;
  /** The digest of all bytes; nothing can be added after it. */
  digest(): Promise<Digest>;
  close(): Promise<void>;
}

/** To start a thread takes as long as hashing some 30 MiB: images of a hundred small layers do better without. */
const WORTH_A_THREAD_BYTES = 8 * 1024 * 1024;

/**
 * A hasher for about so many bytes; many, when that is not known. Where it is worth it, on a thread of its own: crypto
 * hashes on the thread that calls it, which at a GiB/s would stand still for most of the time that an image takes.
 */
export function createHasher(expectedBytes: number = Number.POSITIVE_INFINITY): Hasher {
  return expectedBytes < WORTH_A_THREAD_BYTES ? hashHere() : new HashThread();
}

function hashHere(): Hasher {
  const hash = createHash("sha256");
  return {
    update: async (bytes) => void hash.update(bytes),
    digest: async () => digestOf(hash),
    close: async () => {},
  };
}

/** Bytes that a thread can look at without a copy. */
export function sharedBuffer(bytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(bytes));
}

// As text, so that it runs from TypeScript sources and from `dist` alike. It answers in the order it is asked.
const CODE = `
const { createHash } = require("node:crypto");
const { parentPort } = require("node:worker_threads");
const hash = createHash("sha256");
parentPort.on("message", (bytes) => {
  parentPort.postMessage(bytes === null ? hash.digest("hex") : void hash.update(bytes));
});
`;

type Waiting = { resolve(answer: string): void; reject(error: Error): void };

class HashThread implements Hasher {
  readonly #worker = new Worker(CODE, { eval: true, execArgv: [], env: {} });
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  constructor() {
    this.#worker.on("message", (answer: string) => this.#waiting.shift()?.resolve(answer));
    this.#worker.on("error", (error) => {
      this.#failure = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  async update(bytes: Uint8Array): Promise<void> {
    await this.#ask(bytes);
  }

  async digest(): Promise<Digest> {
    const hex = await this.#ask(null);
    const digest = digestFromHex(hex);
    if (digest === undefined) throw new FledgeError("internal", `a hash is "${hex}"`);
    return digest;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(bytes: Uint8Array | null): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(bytes);
    });
  }
}
