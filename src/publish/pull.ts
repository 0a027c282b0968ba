import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { temporarySibling } from "../lib/files/atomic.ts";
import { makeFolders } from "../lib/files/folders.ts";
import { ioError } from "../lib/files/io-error.ts";
import { bestFor, formatPlatform, hostPlatform, type Platform } from "../lib/platform.ts";
import { listed } from "../lib/shortened.ts";
import type { Descriptor, ImageIndex, ImageManifest } from "../registry/manifest.ts";
import type { RegistriesOptions } from "../registry/options.ts";
import { formatReference, parseReference } from "../registry/reference.ts";
import { openRepository } from "../registry/repository.ts";
import { type ImageStorage, readManifest, type StoredManifest } from "../registry/storage.ts";
import { checkManifest } from "../volant/check.ts";
import type { Manifest } from "../volant/schema.ts";
import { type Attached, pullAttachments } from "./attachments.ts";
import { fetchBlob, fetchFile } from "./fetch.ts";
import { type PushedPlugin, pluginIn } from "./format.ts";
import { type TransferOptions, transferring } from "./transfer.ts";

/** Which plugin to pull, and where to. */
export type PullOptions = TransferOptions & {
  /** Absolute; made when it is not there. */
  readonly outDir: string;
  /** Default the host's. */
  readonly platform?: Platform | undefined;
  readonly registries?: RegistriesOptions;
  /** Also the files that were attached to it. Default false. */
  readonly attached?: boolean;
};

/** What a pull has written. Paths are absolute, sizes in bytes (holes included). */
export type Pulled = {
  /** Of the OCI manifest of the platform. */
  readonly digest: Digest;
  readonly artifact: { readonly path: string; readonly sizeBytes: number; readonly digest: Digest };
  readonly manifest: { readonly path: string; readonly document: Manifest };
  readonly attached: readonly Attached[];
};

/**
 * Pulls a plugin that `pushPlugin` has pushed: its artifact and its manifest, which then names the artifact beside it, or
 * neither. Every part is checked, and the whole; what an interrupted pull has fetched is taken from the cache. Throws a
 * `source` error for what is no such plugin, a `checksum` error for wrong bytes, and a `download` error.
 */
export async function pullPlugin(from: string, options: PullOptions): Promise<Pulled> {
  const stage = { plugin: from, stage: "pull", title: `Pull ${from}` } as const;
  return await transferring(stage, options, (ctx) => pull(from, options, ctx));
}

async function pull(from: string, options: PullOptions, ctx: RunContext): Promise<Pulled> {
  const reference = parseReference(from);
  if (reference.kind !== "registry") {
    throw new FledgeError("usage", `"${from}" is not the name of a repository`, {
      hint: "for instance REGISTRY/team/web:1.2",
    });
  }
  const { outDir, registries = {}, platform = hostPlatform() } = options;
  const storage = openRepository(reference, { registries, patience: {} }, ctx);
  const name = reference.digest ?? reference.tag ?? "latest";
  const { digest, manifest, top } = await pluginFor(storage, name, platform);
  const plugin = pluginIn(manifest, formatReference(reference));
  const document = await readPluginManifest(storage, plugin, ctx);
  const path = join(outDir, plugin.artifact.title);
  const manifestPath = join(outDir, plugin.manifest.title);
  await makeFolders(outDir).catch((error: unknown) => {
    throw ioError(error, "create", outDir);
  });
  await replaceBoth([path, manifestPath], ctx, async ([artifact, beside]) => {
    await fetchFile(artifact, storage, { ...plugin.artifact, parts: plugin.parts, isPacked: plugin.isChunked }, ctx);
    await writeFile(beside, document.bytes);
    throwIfAborted(ctx.signal);
  });
  const { sizeBytes } = plugin.artifact;
  const place = { subject: top, storage, outDir };
  const attached = options.attached ? await pullAttachments(reference, place, registries, ctx) : [];
  return {
    digest,
    artifact: { path, sizeBytes, digest: plugin.artifact.digest },
    manifest: { path: manifestPath, document: document.manifest },
    attached,
  };
}

type Pair = readonly [artifact: string, manifest: string];

/** Has two files written under other names, and renames them into place when both are whole. */
async function replaceBoth(paths: Pair, ctx: RunContext, write: (temporaries: Pair) => Promise<void>): Promise<void> {
  const temporaries: Pair = [await temporarySibling(paths[0]), await temporarySibling(paths[1])];
  const remove = async (): Promise<void> => {
    for (const path of temporaries) await rm(path, { force: true });
  };
  const withdraw = ctx.disposer.defer(remove);
  try {
    await write(temporaries);
    for (const [index, path] of paths.entries()) await rename(temporaries[index] as string, path);
  } catch (error) {
    throw ioError(error, "write", paths[0]);
  } finally {
    await remove();
    withdraw();
  }
}

/** The manifest of a platform, and `top`, the digest of what the name leads to. */
async function pluginFor(
  storage: ImageStorage,
  name: string,
  platform: Platform,
): Promise<StoredManifest<ImageManifest> & { readonly top: Digest }> {
  const found = await readManifest(storage, name, undefined);
  const top = found.digest;
  if (found.manifest.kind === "image") return { ...found, manifest: found.manifest, top };
  const entry = entryFor(found.manifest, platform, storage.label);
  const chosen = await readManifest(storage, entry.digest, undefined);
  if (chosen.manifest.kind === "image") return { ...chosen, manifest: chosen.manifest, top };
  throw new FledgeError("source", `${storage.label} has an index in its index, which no plugin has`);
}

function entryFor({ manifests }: ImageIndex, platform: Platform, label: string): Descriptor {
  const told = manifests.filter((item): item is Descriptor & { platform: Platform } => item.platform !== undefined);
  const found = bestFor(platform, told, (item) => item.platform);
  if (found !== undefined) return found;
  const there = told.map((item) => formatPlatform(item.platform));
  throw new FledgeError("source", `${label} has nothing for ${formatPlatform(platform)}`, {
    hint: `it has ${listed(there)}; --platform names one`,
  });
}

/** Volant's manifest as it is to be: what it says of the artifact is checked, and where that is, is beside it. */
async function readPluginManifest(
  storage: ImageStorage,
  { manifest: descriptor, artifact }: PushedPlugin,
  ctx: RunContext,
): Promise<{ readonly bytes: Buffer; readonly manifest: Manifest }> {
  const label = `the manifest of ${storage.label}`;
  const bytes = await readFile(await fetchBlob(storage, descriptor, ctx));
  const document = jsonOf(bytes, label);
  const { manifest, problems } = checkManifest(document);
  if (manifest === undefined) throw new FledgeError("manifest", `${label} is none that Volant takes`, { problems });
  const key = manifest.rootfs === undefined ? "initramfs" : "rootfs";
  const { checksum, url } = manifest[key] ?? {};
  if (checksum !== undefined && checksum.replace(/^sha256:/, "") !== artifact.digest.replace(/^sha256:/, "")) {
    throw new FledgeError("checksum", `${label} is of another artifact than the one that was pushed with it`);
  }
  if (url === artifact.title) return { bytes, manifest };
  const local = { ...manifest, [key]: { ...manifest[key], url: artifact.title } };
  return { bytes: Buffer.from(`${JSON.stringify(local, undefined, 2)}\n`), manifest: local };
}

function jsonOf(bytes: Buffer, label: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new FledgeError("manifest", `${label} is not JSON`, { cause });
  }
}
