import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { temporarySibling, writeFileAtomically } from "../../lib/files/atomic.ts";
import { fileBytes } from "../../lib/files/file-bytes.ts";
import { makeFolders } from "../../lib/files/folders.ts";
import { hashFile } from "../../lib/files/hash-file.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { writeSparseFile } from "../../lib/files/sparse.ts";
import type { Progress } from "../progress.ts";
import { type PublishedFiles, urlBelow } from "./files.ts";

type FolderTarget = { readonly dir: string; readonly url?: string | undefined };

/** Puts a build into a folder: the artifact first, then the manifests that name it. Returns where the manifest is. */
export async function publishToFolder(
  files: PublishedFiles,
  { dir, url }: FolderTarget,
  progress: Progress,
  ctx: RunContext,
): Promise<string> {
  await makeFolders(dir).catch((error: unknown) => {
    throw ioError(error, "create", dir);
  });
  await putArtifact(files.artifact, join(dir, files.artifact.name), progress, ctx);
  const manifest = files.manifest(
    url === undefined ? join(dir, files.artifact.name) : urlBelow(url, files.artifact.name),
  );
  for (const name of files.manifests) {
    await writeFileAtomically(join(dir, name), manifest).catch((error: unknown) => {
      throw ioError(error, "write", join(dir, name));
    });
  }
  return url === undefined ? join(dir, files.manifests[0]) : urlBelow(url, files.manifests[0]);
}

type Artifact = PublishedFiles["artifact"];

async function putArtifact(artifact: Artifact, to: string, progress: Progress, ctx: RunContext): Promise<void> {
  const { digest, sizeBytes } = artifact;
  const there = await stat(to).catch(() => undefined);
  if (there?.isFile() && there.size === sizeBytes && (await hashFile(to, ctx.signal)) === digest) {
    progress.add(sizeBytes);
    return;
  }
  const temporary = await temporarySibling(to);
  const withdraw = ctx.disposer.defer(() => rm(temporary, { force: true }));
  try {
    await copySparse(artifact, temporary, progress, ctx.signal);
    await rename(temporary, to);
  } catch (error) {
    throw ioError(error, "write", to);
  } finally {
    await rm(temporary, { force: true });
    withdraw();
  }
  progress.addSent(sizeBytes);
}

/** With its holes, and checked on the way: the build may be older than the file. */
async function copySparse(
  { path, digest }: Artifact,
  to: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of fileBytes(path, signal, { chunkBytes: 2 ** 20 })) {
      yield chunk;
      progress.add(chunk.length);
    }
  }
  if ((await writeSparseFile(to, read(), 0o644)).digest !== digest) throw changed(path);
}

function changed(path: string): FledgeError {
  return new FledgeError("checksum", `${path} is not what was built: it was changed since`, {
    hint: "build it again with --force",
  });
}
