import type { Source } from "../../contract/source.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LocalPath } from "../local.ts";
import { imageSource } from "../oci/image-source.ts";
import type { ResolveOptions } from "../oci/resolve.ts";
import { openFiles } from "./archive.ts";
import { DOCKER_MANIFEST } from "./docker-save.ts";
import { folderFiles } from "./files.ts";
import { INDEX } from "./storage.ts";

/** An image in a folder that is an OCI image layout, or an unpacked `docker save`. */
export function layoutSource({ reference, path }: LocalPath, tag: string | undefined, options: ResolveOptions): Source {
  return imageSource(reference, async (ctx, pinned) => {
    const files = await folderFiles(path);
    if ((await files.size(INDEX)) === undefined && (await files.size(DOCKER_MANIFEST)) === undefined) {
      throw new FledgeError("source", `${path} is not an OCI image layout: it has no ${INDEX}`, {
        hint: "a folder that holds a root filesystem is named by source.dir",
      });
    }
    return openFiles(files, pinned, { ...options, tag }, ctx);
  });
}
