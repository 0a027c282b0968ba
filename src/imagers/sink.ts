import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import type { ArtifactFacts, ImagerContext } from "../contract/imager.ts";
import { throwIfAborted } from "../lib/context.ts";
import { digestOf } from "../lib/digest.ts";
import { hashFile } from "../lib/files/hash-file.ts";

/** Writes a stream to a new file and hashes it on the way; the file is on disk when this returns. */
export async function writeHashed(
  out: string,
  chunks: AsyncIterable<Uint8Array>,
  { signal }: Pick<ImagerContext, "signal">,
): Promise<ArtifactFacts> {
  const hash = createHash("sha256");
  const handle = await open(out, "wx");
  let sizeBytes = 0;
  try {
    for await (const chunk of chunks) {
      throwIfAborted(signal);
      hash.update(chunk);
      await handle.writeFile(chunk); // continues at the current position and completes short writes
      sizeBytes += chunk.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { sizeBytes, digest: digestOf(hash) };
}

/** What is known of a file that a program has written: for imagers whose program takes a path rather than a pipe. */
export async function artifactFacts(path: string, { signal }: Pick<ImagerContext, "signal">): Promise<ArtifactFacts> {
  const { size } = await stat(path);
  return { sizeBytes: size, digest: await hashFile(path, signal) };
}
