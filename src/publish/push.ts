import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import type { RunContext } from "../lib/context.ts";
import { type Digest, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { inParallel } from "../lib/jobs.ts";
import { formatPlatform, type Platform } from "../lib/platform.ts";
import { formatReference, parseReference, type RegistryReference } from "../registry/reference.ts";
import { type UploadContent, Uploads } from "../registry/upload.ts";
import {
  archiveLayer,
  CHUNK_BYTES,
  chunkLayer,
  EMPTY_CONFIG,
  INDEX_TYPE,
  MANIFEST_TYPE,
  manifestLayer,
  ociIndex,
  ociManifest,
  type PluginFacts,
} from "./format.ts";

/** A build and the plugin that it is of. */
type Built = { readonly plugin: ResolvedPlugin; readonly result: BuildResult };

/** What a push left in the registry. Sizes in bytes. */
export type Pushed = {
  /** With the tag, and without a digest. */
  readonly reference: string;
  /** Of the manifest; of several platforms that of the index. */
  readonly digest: Digest;
  readonly platforms: readonly string[];
  /** What was not there before. */
  readonly sentBytes: number;
};

/** Compressed at once, each with a thread of Node's pool; as many are in memory. */
const PARALLEL_CHUNKS = 4;

/**
 * Pushes the builds of one plugin, one for each platform, to a repository: an OCI manifest, and of several platforms an
 * index. The same builds give the same digests. Throws a `usage` error for a reference that is not a registry's or has a
 * digest, and a `download` error for what the registry refuses.
 */
export async function pushPlugin(builds: readonly Built[], to: string, ctx: RunContext): Promise<Pushed> {
  const reference = targetOf(to);
  const [first] = builds;
  if (first === undefined || builds.some(({ plugin }) => plugin.name !== first.plugin.name)) {
    throw new FledgeError("usage", "a repository gets one plugin", { hint: "name one of them before the reference" });
  }
  const uploads = new Uploads(reference, { registries: first.plugin.registries, patience: {} }, ctx);
  const progress = progressOf(builds, ctx);
  await progress.put(uploads, inMemory(EMPTY_CONFIG));
  const entries: { digest: Digest; size: number; platform: Platform }[] = [];
  const tag = reference.tag ?? "latest";
  for (const build of builds) {
    const bytes = await pushOne(build, uploads, progress);
    const digest = sha256(bytes);
    await uploads.putManifest(builds.length === 1 ? tag : digest, bytes, MANIFEST_TYPE);
    entries.push({ digest, size: bytes.length, platform: build.plugin.platform });
  }
  const index = builds.length === 1 ? undefined : ociIndex(entries);
  if (index !== undefined) await uploads.putManifest(tag, index, INDEX_TYPE);
  const digest = index === undefined ? (entries[0]?.digest as Digest) : sha256(index);
  const platforms = entries.map(({ platform }) => formatPlatform(platform));
  return { reference: formatReference(reference), digest, platforms, sentBytes: progress.sentBytes() };
}

function targetOf(to: string): RegistryReference {
  const reference = parseReference(to);
  if (reference.kind !== "registry") {
    throw new FledgeError("usage", `"${to}" is not the name of a repository`, {
      hint: "for instance REGISTRY/team/web:1.2",
    });
  }
  if (reference.digest === undefined) return reference;
  throw new FledgeError("usage", `"${to}" has a digest, which a push makes`, { hint: "give it a tag, or nothing" });
}

async function pushOne({ plugin, result }: Built, uploads: Uploads, progress: Progress): Promise<Buffer> {
  if (result.manifest === undefined) {
    throw new FledgeError("usage", `${labelOf(plugin)} is nothing that Volant boots, and has no manifest`, {
      hint: 'an initramfs, or an "oci_rootfs" whose filesystem is a disk, can be pushed',
    });
  }
  const { path, digest, sizeBytes } = result.artifact;
  const facts: PluginFacts = {
    name: plugin.name,
    version: plugin.version,
    artifact: { title: basename(path), digest, sizeBytes },
  };
  const manifest = await readFile(result.manifest.path);
  const file = await open(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  try {
    const isArchive = plugin.strategy === "initramfs";
    const layers = isArchive
      ? [await pushArchive(file, facts, uploads, progress)]
      : await pushDisk(file, { facts, filesystem: plugin.filesystem.type }, uploads, progress);
    const last = manifestLayer(basename(result.manifest.path), manifest);
    await progress.put(uploads, inMemory(manifest));
    return ociManifest(facts, [...layers, last]);
  } finally {
    await file.close();
  }
}

type Layers = Parameters<typeof ociManifest>[1];

async function pushArchive(file: FileHandle, facts: PluginFacts, uploads: Uploads, progress: Progress) {
  const layer = archiveLayer(facts);
  await progress.put(uploads, {
    digest: layer.digest,
    size: layer.size,
    read: (at, length) => readAt(file, at, length),
  });
  return layer;
}

async function pushDisk(
  file: FileHandle,
  { facts, filesystem }: { readonly facts: PluginFacts; readonly filesystem: string },
  uploads: Uploads,
  progress: Progress,
): Promise<Layers> {
  const { sizeBytes } = facts.artifact;
  const count = Math.ceil(sizeBytes / CHUNK_BYTES);
  return await inParallel([...new Array(count).keys()], PARALLEL_CHUNKS, async (index) => {
    const at = index * CHUNK_BYTES;
    const raw = await readAt(file, at, Math.min(CHUNK_BYTES, sizeBytes - at));
    // The fastest level: what follows is the network, or a disk that is mostly what does not pack.
    const bytes = await promisify(gzip)(raw, { level: 1 });
    const layer = chunkLayer(facts, filesystem, { index, count, bytes });
    await progress.put(uploads, inMemory(bytes), raw.length);
    return layer;
  });
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0)
      throw new FledgeError("io", "the artifact changed while it was pushed", { hint: "push it again" });
    done += bytesRead;
  }
  return buffer;
}

function inMemory(bytes: Uint8Array): UploadContent {
  return {
    digest: sha256(bytes),
    size: bytes.length,
    read: async (at, length) => bytes.subarray(at, at + length),
  };
}

type Progress = {
  /** Sends a blob that stands for so many bytes of artifacts; its own size unless given. */
  put(uploads: Uploads, content: UploadContent, stands?: number): Promise<void>;
  sentBytes(): number;
};

/** Told in bytes of the artifacts, whatever they pack to. */
function progressOf(builds: readonly Built[], ctx: RunContext): Progress {
  const total = builds.reduce((sum, { result }) => sum + result.artifact.sizeBytes, 0);
  let done = 0;
  let sent = 0;
  return {
    async put(uploads, content, stands = content.size) {
      let told = 0;
      const isNew = await uploads.put(content, (bytes) => {
        const now = Math.floor((bytes / content.size) * stands);
        done += now - told;
        told = now;
        ctx.progress(Math.min(done, total), total);
      });
      if (isNew) sent += content.size;
      done += stands - told;
      ctx.progress(Math.min(done, total), total);
    },
    sentBytes: () => sent,
  };
}
