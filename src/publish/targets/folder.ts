import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type RunContext, throwIfAborted } from "../../lib/context.ts";
import { digestOf } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { temporarySibling, writeFileAtomically } from "../../lib/files/atomic.ts";
import { makeFolders } from "../../lib/files/folders.ts";
import { hashFile } from "../../lib/files/hash-file.ts";
import { ioError } from "../../lib/files/io-error.ts";
import type { Progress } from "../progress.ts";
import { writeSparse } from "../sparse.ts";
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
  const hash = createHash("sha256");
  const file = await open(to, "wx", 0o644);
  try {
    let at = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      throwIfAborted(signal);
      hash.update(chunk);
      await writeSparse(file, chunk, at);
      at += chunk.length;
      progress.add(chunk.length);
    }
    if (digestOf(hash) !== digest) throw changed(path);
    await file.truncate(at);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The error for an artifact that is not what its build has made. */
export function changed(path: string): FledgeError {
  return new FledgeError("checksum", `${path} is not what was built: it was changed since`, {
    hint: "build it again with --force",
  });
}
