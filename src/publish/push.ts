import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { RunContext } from "../lib/context.ts";
import { type Digest, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { formatPlatform, type Platform } from "../lib/platform.ts";
import { formatReference, parseReference, type RegistryReference } from "../registry/reference.ts";
import { Uploads } from "../registry/upload.ts";
import { type Attachment, attach } from "./attachments.ts";
import { type Built, manifestOf, onePlugin } from "./built.ts";
import {
  archiveLayer,
  chunkLayer,
  EMPTY_CONFIG,
  INDEX_TYPE,
  type Layer,
  MANIFEST_TYPE,
  manifestLayer,
  ociIndex,
  ociManifest,
  type PluginFacts,
} from "./format.ts";
import { pushImage } from "./image/push.ts";
import { type Piece, pushPieces, readAt } from "./pieces.ts";
import { inMemory, Progress } from "./progress.ts";
import { type TransferOptions, transferring } from "./transfer.ts";

/** How a plugin is pushed. */
export type PushOptions = TransferOptions & {
  /** A container image of the same tree, for docker and podman, instead of the artifact. Default false. */
  readonly asImage?: boolean | undefined;
  /** Files that say something of the plugin, which go beside it: an SBOM, a signature. */
  readonly attachments?: readonly Attachment[] | undefined;
};

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

/** A manifest that was put into a repository. */
export type PushedManifest = { readonly digest: Digest; readonly size: number; readonly platform: Platform };

/**
 * Pushes the builds of one plugin, one for each platform, to a repository: an OCI manifest, and of several platforms an
 * index. The same builds give the same digests. Throws a `usage` error for a reference that is not a registry's or has a
 * digest, and a `download` error for what the registry refuses.
 */
export async function pushPlugin(builds: readonly Built[], to: string, options: PushOptions = {}): Promise<Pushed> {
  const { name } = onePlugin(builds);
  const stage = { plugin: name, stage: "push", title: `Push to ${to}` } as const;
  return await transferring(stage, options, (ctx) => push(builds, to, options, ctx));
}

/** The same for those who have a context. */
export async function push(
  builds: readonly Built[],
  to: string,
  { asImage = false, attachments = [] }: Pick<PushOptions, "asImage" | "attachments">,
  ctx: RunContext,
): Promise<Pushed> {
  const reference = targetOf(to);
  const uploads = new Uploads(reference, { registries: onePlugin(builds).registries, patience: {} }, ctx);
  const progress = new Progress(
    builds.reduce((sum, { result }) => sum + result.artifact.sizeBytes, 0),
    ctx,
  );
  const tag = reference.tag ?? "latest";
  const entries: PushedManifest[] = [];
  for (const build of builds) {
    const bytes = asImage
      ? await pushImage(build, uploads, progress, ctx)
      : await pushOne(build, uploads, progress, ctx);
    const digest = sha256(bytes);
    await uploads.putManifest(builds.length === 1 ? tag : digest, bytes, MANIFEST_TYPE);
    entries.push({ digest, size: bytes.length, platform: build.plugin.platform });
  }
  const index = builds.length === 1 ? undefined : ociIndex(entries, { isPlugin: !asImage });
  if (index !== undefined) await uploads.putManifest(tag, index, INDEX_TYPE);
  const [first] = entries as [PushedManifest];
  const subject =
    index === undefined
      ? { digest: first.digest, size: first.size, mediaType: MANIFEST_TYPE }
      : { digest: sha256(index), size: index.length, mediaType: INDEX_TYPE };
  for (const attachment of attachments) await attach(attachment, subject, uploads, progress);
  const platforms = entries.map(({ platform }) => formatPlatform(platform));
  return { reference: formatReference(reference), digest: subject.digest, platforms, sentBytes: progress.sentBytes };
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

async function pushOne(build: Built, uploads: Uploads, progress: Progress, ctx: RunContext): Promise<Buffer> {
  const { plugin, result } = build;
  const { path: manifestPath } = manifestOf(build);
  const { path, digest, sizeBytes } = result.artifact;
  const facts: PluginFacts = {
    name: plugin.name,
    version: plugin.version,
    artifact: { title: basename(path), digest, sizeBytes },
  };
  await progress.put(uploads, inMemory(EMPTY_CONFIG), 0);
  const manifest = await readFile(manifestPath);
  const file = await open(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  try {
    const layers: readonly Layer[] =
      plugin.strategy === "initramfs"
        ? [await pushArchive(file, facts, uploads, progress)]
        : diskLayers(
            facts,
            plugin.filesystem.type,
            await pushPieces({ file, digest, sizeBytes }, uploads, progress, ctx),
          );
    await progress.put(uploads, inMemory(manifest), 0);
    return ociManifest(facts, [...layers, manifestLayer(basename(manifestPath), manifest)]);
  } finally {
    await file.close();
  }
}

function diskLayers(facts: PluginFacts, filesystem: string, pieces: readonly Piece[]): Layer[] {
  return pieces.map((piece, index) => chunkLayer(facts, filesystem, { index, count: pieces.length, ...piece }));
}

async function pushArchive(file: FileHandle, facts: PluginFacts, uploads: Uploads, progress: Progress): Promise<Layer> {
  const layer = archiveLayer(facts);
  const { digest, size } = layer;
  await progress.put(uploads, { digest, size, read: (at, length) => readAt(file, at, length) });
  return layer;
}
