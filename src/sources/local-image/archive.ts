import type { ImageSource } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LocalPath } from "../local.ts";
import { imageSource } from "../oci/image-source.ts";
import { type ImageContents, type ResolveOptions, resolveImage } from "../oci/resolve.ts";
import { DOCKER_MANIFEST, openDockerArchive } from "./docker-save.ts";
import type { FileSet } from "./files.ts";
import { archiveFiles } from "./members.ts";
import { findInLayout, INDEX, layoutStorage, readLayoutIndex } from "./storage.ts";

type Format = "oci" | "docker";

export type ArchiveOptions = ResolveOptions & {
  readonly tag: string | undefined;
  /** Left out: what the archive has. Docker writes both into one since version 25; then it is read as OCI's. */
  readonly format?: Format;
};

/** An image in a tar: of an OCI image layout, or as `docker save` writes it. */
export function archiveSource({ reference, path }: LocalPath, options: ArchiveOptions): ImageSource {
  return imageSource(reference, async (ctx, pinned) => openFiles(await archiveFiles(path, ctx), pinned, options, ctx));
}

/** The image of an archive, or of a folder that holds the files of one. */
export async function openFiles(
  files: FileSet,
  pinned: Digest | undefined,
  options: ArchiveOptions,
  ctx: RunContext,
): Promise<ImageContents> {
  const { tag, limits } = options;
  const format = options.format ?? (await formatOf(files, limits));
  if (format === "docker") return openDockerArchive(files, tag, options, ctx);
  const name = pinned ?? (await findInLayout(files, tag, options));
  return resolveImage(layoutStorage(files, limits), name, options, ctx);
}

async function formatOf(files: FileSet, limits: ResolveOptions["limits"]): Promise<Format> {
  const hasDocker = (await files.size(DOCKER_MANIFEST)) !== undefined;
  if ((await files.size(INDEX)) !== undefined) {
    if (!hasDocker) return "oci";
    // Docker 25.0 writes an index without entries for an image that has no name.
    const { manifests, odd } = (await readLayoutIndex(files, limits)) ?? { manifests: [], odd: [] };
    return manifests.length + odd.length === 0 ? "docker" : "oci";
  }
  if (hasDocker) return "docker";
  throw new FledgeError("source", `${files.label} is not an image archive: it has no ${INDEX} or ${DOCKER_MANIFEST}`, {
    hint: "a tar of a root filesystem is named by source.tar",
  });
}
