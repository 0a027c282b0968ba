import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { throwIfAborted } from "../context.ts";
import { type Digest, digestOf } from "../digest.ts";

/** The digest of a file's bytes. Throws what Node throws when it cannot be read, and `aborted` once the signal has fired. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(2 ** 20);
  const handle = await open(path, "r");
  try {
    for (;;) {
      if (signal !== undefined) throwIfAborted(signal);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return digestOf(hash);
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
