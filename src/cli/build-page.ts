import type { BuildResult } from "../contract/result.ts";
import type { Mapped } from "../inspect/page/groups.ts";
import { isFledgeError } from "../lib/errors.ts";
import type { BuildArgs } from "./build-options.ts";
import { writePage } from "./inspect-targets.ts";

/** Writes a page about what was built; artifacts that cannot be read are left out of its map. */
export async function writeBuildPage(file: string, results: readonly BuildResult[], args: BuildArgs): Promise<void> {
  const [{ openImage }, { buildPage }, { originsOf }] = await Promise.all([
    import("../inspect/open.ts"),
    import("../inspect/page/pages.ts"),
    import("../inspect/why.ts"),
  ]);
  const options = { env: process.env, ...(args["cache-dir"] !== undefined && { cacheDir: args["cache-dir"] }) };
  const images: Mapped[] = [];
  try {
    for (const { name, label = name, artifact } of results) {
      const reader = await openImage(artifact.path, options).catch((error: unknown) => {
        if (isFledgeError(error) && (error.code === "image" || error.code === "tool")) return undefined;
        throw error;
      });
      if (reader !== undefined) images.push({ name: label, reader, origins: await originsOf(reader, options) });
    }
    await writePage(file, buildPage(results, images));
  } finally {
    for (const { reader } of images) await reader.close();
  }
}
