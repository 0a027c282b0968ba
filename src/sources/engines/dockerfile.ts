import { relative, resolve } from "node:path";
import type { ImageSource } from "../../contract/source.ts";
import type { Platform } from "../../lib/platform.ts";
import type { SourceLimits } from "../limits-options.ts";
import { archiveSource } from "../local-image/archive.ts";
import { buildImage } from "./build.ts";
import { chooseEngine, engineRequirement } from "./engines.ts";
import { madeArchive } from "./made.ts";
import type { DockerfileOptions } from "./options.ts";
import { prepare } from "./request.ts";

export type DockerfileSettings = {
  /** Default Linux on the host's processor. */
  readonly platform: Platform | undefined;
  readonly limits: SourceLimits | undefined;
  readonly cwd: string;
};

/** The image of a Dockerfile: built once, when it is pinned, and read from the archive that the engine writes. */
export function dockerfileSource(options: DockerfileOptions, settings: DockerfileSettings): ImageSource {
  const { platform, limits, cwd } = settings;
  const name = relative(cwd, resolve(cwd, options.dockerfile)) || options.dockerfile;
  return madeArchive(engineRequirement(options), async (ctx) => {
    const prepared = await prepare(options, settings, ctx);
    const chosen = await chooseEngine(options, ctx);
    ctx.log(`${name} is built by ${chosen.engine.name} (${chosen.path})`);
    const path = await buildImage({ name, ...chosen }, prepared, ctx);
    return archiveSource({ reference: name, path }, { platform, limits, tag: undefined });
  });
}
