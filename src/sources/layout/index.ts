import type { LocalPath } from "../local.ts";
import { imageSource } from "../oci/image-source.ts";
import { type ResolveOptions, resolveImage } from "../oci/resolve.ts";
import type { Source } from "../source.ts";
import { folderFiles } from "./files.ts";
import { findInLayout, layoutStorage } from "./storage.ts";

/** An image in a folder that is an OCI image layout. */
export function layoutSource({ reference, path }: LocalPath, tag: string | undefined, options: ResolveOptions): Source {
  return imageSource(reference, async (ctx, pinned) => {
    const files = await folderFiles(path);
    const name = pinned ?? (await findInLayout(files, tag, options.platform));
    return resolveImage(layoutStorage(files), name, options, ctx);
  });
}
