import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { ReadImage } from "../imagers/read-image.ts";
import { contextOutside, epochFrom } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { FledgeError } from "../lib/errors.ts";
import type { SourceOptions } from "../sources/options.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { formatOf } from "./head.ts";
import { type ImageReader, imageReader, type Loss, type OpenContext, type OpenOptions } from "./reader.ts";

/** What each format cannot tell. */
const LACKS: Readonly<Record<"ext4" | "squashfs" | "cpio" | "tar", readonly Loss[]>> = {
  ext4: [],
  // The kernel's has attributes of users, of security and trusted ones.
  squashfs: ["acls"],
  cpio: ["xattrs"],
  tar: ["sockets"],
};

/**
 * Opens an image to look into: a file (ext4, squashfs, cpio or tar, packed or not, an archive of an image), a folder (a root
 * filesystem, or an OCI image layout), a reference (`nginx:alpine`, `oci:DIR`), or a plugin, which is built in memory. Close
 * it when done. Throws an `image` error for what is damaged or not known.
 */
export async function openImage(target: string | ResolvedPlugin, options: OpenOptions = {}): Promise<ImageReader> {
  const disposer = new Disposer();
  const ctx = contextOf(options, disposer);
  const ending = async (close: () => Promise<void> = async () => {}): Promise<void> => {
    await close();
    await disposer.dispose();
  };
  try {
    const opened = typeof target === "string" ? await openNamed(target, ctx) : await openPlugin(target, ctx);
    return imageReader({ ...opened, close: () => ending(opened.close) });
  } catch (error) {
    await ending();
    throw error;
  }
}

function contextOf(
  { env = process.env, signal = new AbortController().signal, cacheDir, platform, onWarning = () => {} }: OpenOptions,
  disposer: Disposer,
): OpenContext {
  const shared = { env, signal, disposer, epoch: epochFrom(env), cacheDir: resolveCacheDir(env, cacheDir) };
  return { ...contextOutside(shared, { warn: onWarning }), platform };
}

/** What is meant as a file, and no reference: by how it begins, or by what images of fledge end in. */
const PATH = /^(?:\.{0,2}|~)\/|^[\w./-]+\.(?:img|raw|squashfs|cpio|tar|tgz|gz|xz|zst)$/;

type Opened = Parameters<typeof imageReader>[0];

const nothing = async (): Promise<void> => {};

async function openPlugin(plugin: ResolvedPlugin, ctx: OpenContext): Promise<Opened> {
  const { readPlugin } = await import("./plugin.ts");
  const read = await readPlugin(plugin, ctx);
  return { target: plugin.name, format: "plugin", lacks: [], close: nothing, ...read };
}

async function openNamed(target: string, ctx: OpenContext): Promise<Opened> {
  const found = statSync(target, { throwIfNoEntry: false });
  if (found === undefined) {
    if (PATH.test(target)) throw new FledgeError("usage", `${target} does not exist`);
    return await openSourceOf(target, { image: target }, ctx);
  }
  if (found.isDirectory()) return await openFolder(target, ctx);
  if (found.isFile()) return await openFile(target, ctx);
  throw new FledgeError("usage", `${target} is neither a file nor a folder`);
}

async function openFolder(target: string, ctx: OpenContext): Promise<Opened> {
  const isLayout = statSync(join(target, "oci-layout"), { throwIfNoEntry: false })?.isFile() ?? false;
  if (isLayout) return await openSourceOf(target, { layout: target }, ctx);
  const { readFolder } = await import("./folder.ts");
  const root = await readFolder(target, ctx.signal);
  return { target, format: "folder", facts: {}, lacks: ["xattrs"], root, close: nothing };
}

async function openFile(target: string, ctx: OpenContext): Promise<Opened> {
  const found = await formatOf(target, ctx);
  if (found.format === "tar") return await openTar(target, found.isPacked, ctx);
  const { root, facts, close } = await readFormat(target, found.format, ctx);
  const { size: fileBytes } = await stat(target);
  const { format } = found;
  return { target, format, lacks: LACKS[format], root, close, facts: { fileBytes, ...facts } };
}

async function readFormat(target: string, format: "ext4" | "squashfs" | "cpio", ctx: OpenContext): Promise<ReadImage> {
  switch (format) {
    case "ext4":
      return (await import("../imagers/ext4/reader/tree.ts")).readExt4(target);
    case "squashfs":
      return await (await import("../imagers/squashfs/reader/open.ts")).openSquashfs(target, ctx);
    case "cpio":
      return await (await import("../imagers/cpio/tree.ts")).readCpio(target, ctx);
  }
}

/** A tar may be an image that docker or skopeo has saved, by what is at its top. */
async function openTar(target: string, isPacked: boolean, ctx: OpenContext): Promise<Opened> {
  const { size: fileBytes } = await stat(target);
  const read = isPacked ? await readSource({ tar: target }, ctx) : await readPlainTar(target, ctx);
  const names = read.root.children as ReadonlyMap<string, unknown>;
  const isImage = names.has("manifest.json") || (names.has("index.json") && names.has("oci-layout"));
  if (isImage) return await openSourceOf(target, { archive: target }, ctx);
  return { target, format: "tar", lacks: LACKS.tar, ...read, facts: { fileBytes }, close: nothing };
}

async function readPlainTar(target: string, { signal }: OpenContext): Promise<Pick<ImageReader, "root">> {
  const [{ treeOfTar }, { DEFAULT_LIMITS }] = await Promise.all([
    import("../rootfs/tar-tree.ts"),
    import("../rootfs/limits.ts"),
  ]);
  const { inodes } = await treeOfTar(target, signal, { limits: DEFAULT_LIMITS });
  return { root: inodes[0]?.node as ImageReader["root"] };
}

async function openSourceOf(target: string, options: SourceOptions, ctx: OpenContext): Promise<Opened> {
  const read = await readSource(options, ctx);
  return { target, format: "oci", lacks: LACKS.tar, close: nothing, ...read };
}

async function readSource(options: SourceOptions, ctx: OpenContext): Promise<Pick<ImageReader, "root" | "facts">> {
  const [{ openSource }, { applyLayer }, { RootfsTree }] = await Promise.all([
    import("../sources/index.ts"),
    import("../rootfs/layers/apply.ts"),
    import("../rootfs/tree.ts"),
  ]);
  const source = openSource(options, { ...(ctx.platform !== undefined && { platform: ctx.platform }) });
  const pin = await source.pin(ctx);
  const image = await source.image?.(pin, ctx);
  const { root } = new RootfsTree();
  for await (const layer of source.layers(pin, ctx)) {
    await applyLayer(root, layer, { warn: ctx.warn, signal: ctx.signal });
  }
  const facts = {
    ...(pin.digest !== undefined && { digest: pin.digest }),
    ...(image !== undefined && { architecture: image.architecture }),
  };
  return { root, facts };
}
