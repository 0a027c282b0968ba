import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Source } from "../../contract/source.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LocalPath } from "../local.ts";
import { imageSource } from "../oci/image-source.ts";
import type { ResolveOptions } from "../oci/resolve.ts";
import { openFiles } from "./archive.ts";
import { DOCKER_MANIFEST } from "./docker-save.ts";
import { folderFiles } from "./files.ts";
import { INDEX } from "./storage.ts";

/** Folders beside each other that are looked into for a layout that was meant. */
const MAX_LOOKED_AT = 100;

/** An image in a folder that is an OCI image layout, or an unpacked `docker save`. */
export function layoutSource({ reference, path }: LocalPath, tag: string | undefined, options: ResolveOptions): Source {
  return imageSource(reference, async (ctx, pinned) => {
    const files = await folderFiles(path);
    if ((await files.size(INDEX)) === undefined && (await files.size(DOCKER_MANIFEST)) === undefined) {
      throw new FledgeError("source", `${path} is not an OCI image layout: it has no ${INDEX}`, {
        hint: await whereElse(path),
      });
    }
    return openFiles(files, pinned, { ...options, tag }, ctx);
  });
}

/** What was meant instead of a folder that is no layout: one right below or above it, or no image at all. */
async function whereElse(path: string): Promise<string> {
  const below = await readdir(path, { withFileTypes: true }).catch(() => []);
  const folders = below.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  for (const folder of [...folders.toSorted().slice(0, MAX_LOOKED_AT), dirname(path)]) {
    const isLayout = await stat(join(folder, INDEX)).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isLayout) return `${folder} is one`;
  }
  return "a folder that holds a root filesystem is named by source.dir";
}
