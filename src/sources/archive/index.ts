import type { RunContext } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { FileSet } from "../layout/files.ts";
import { findInLayout, layoutStorage } from "../layout/storage.ts";
import type { LocalPath } from "../local.ts";
import { imageSource } from "../oci/image-source.ts";
import { type ImageContents, type ResolveOptions, resolveImage } from "../oci/resolve.ts";
import type { ImageSource } from "../source.ts";
import { DOCKER_MANIFEST, openDockerArchive } from "./docker.ts";
import { archiveFiles } from "./members.ts";

export type ArchiveOptions = ResolveOptions & {
  readonly tag: string | undefined;
  /** Left out: what the archive has. Docker writes both into one since version 25; then it is read as OCI's. */
  readonly format?: "oci" | "docker";
};

/** An image in a tar: of an OCI image layout, or as `docker save` writes it. */
export function archiveSource({ reference, path }: LocalPath, options: ArchiveOptions): ImageSource {
  return imageSource(reference, async (ctx, pinned) => {
    const files = await archiveFiles(path, ctx);
    const format = options.format ?? (await formatOf(files));
    return format === "docker"
      ? openDockerArchive(files, options.tag, options, ctx)
      : openOciArchive(files, pinned, options, ctx);
  });
}

async function openOciArchive(
  files: FileSet,
  pinned: Digest | undefined,
  options: ArchiveOptions,
  ctx: RunContext,
): Promise<ImageContents> {
  const name = pinned ?? (await findInLayout(files, options.tag, options.platform));
  return resolveImage(layoutStorage(files), name, options, ctx);
}

async function formatOf(files: FileSet): Promise<"oci" | "docker"> {
  if ((await files.size("index.json")) !== undefined) return "oci";
  if ((await files.size(DOCKER_MANIFEST)) !== undefined) return "docker";
  throw new FledgeError(
    "source",
    `${files.label} is not an image archive: it has no index.json or ${DOCKER_MANIFEST}`,
    {
      hint: "a tar of a root filesystem is named by source.tar",
    },
  );
}
