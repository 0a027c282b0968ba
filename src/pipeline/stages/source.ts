import type { ResolvedPlugin } from "../../contract/plugin.ts";
import type { Source } from "../../contract/source.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { applyLayer } from "../../rootfs/layers/apply.ts";
import { openSource } from "../../sources/index.ts";
import { referenceOf } from "../inputs.ts";
import { isMadeBy, type Outputs } from "../outputs.ts";
import { need, type PlannedStage } from "../planned-stage.ts";
import type { Owner } from "../user-failure.ts";

/** Opens what the recipe starts from; nothing is read yet. Throws a `config` error for a reference that is none. */
export function sourceOf(
  { source, registries, platform, limits, baseDir }: ResolvedPlugin,
  outputs: Outputs,
): Source | undefined {
  if (source === undefined) return undefined;
  return openSource(source, {
    registries,
    limits,
    platform: formatPlatform(platform),
    cwd: baseDir,
    omits: isMadeBy(outputs),
  });
}

export function pinStage(source: Source | undefined, plugin: ResolvedPlugin): PlannedStage | undefined {
  if (source === undefined) return undefined;
  const reference = referenceOf(plugin);
  const isBuilt = plugin.source !== undefined && "dockerfile" in plugin.source;
  return {
    name: "pin",
    phase: "source",
    kind: "stage",
    isEssential: true,
    owner: ownerOf(plugin),
    title: isBuilt ? `Build the image of ${reference}` : `Find out what ${reference} is`,
    run: async (state, ctx) => {
      state.pin = await source.pin(ctx, state.locks);
      const image = await source.image?.(state.pin, ctx);
      if (image !== undefined) state.image = image;
      ctx.log(`source: ${state.pin.reference}${state.pin.digest === undefined ? "" : ` is ${state.pin.digest}`}`);
    },
  };
}

/** Whose code a source of the config's own is. */
function ownerOf({ source }: ResolvedPlugin): Owner | undefined {
  if (source === undefined || !("custom" in source)) return undefined;
  return { who: `the source "${source.custom.name}"`, code: "source" };
}

export function layersStage(source: Source | undefined, plugin: ResolvedPlugin): PlannedStage | undefined {
  if (source === undefined) return undefined;
  const { limits } = plugin;
  return {
    name: "layers",
    phase: "rootfs",
    kind: "stage",
    owner: ownerOf(plugin),
    title: "Fetch the layers and merge them",
    run: async (state, ctx) => {
      const { signal, warn } = ctx;
      for await (const layer of source.layers(need(state, "pin"), ctx)) {
        ctx.log(`layer: ${layer.label}`);
        await applyLayer(state.rootfs.root, layer, { limits, warn, signal });
      }
    },
  };
}

/** Where the agent expects the image's config. */
const IMAGE_CONFIG_PATH = "/etc/fsify-entrypoint";

export function imageConfigStage(source: Source | undefined): PlannedStage | undefined {
  if (source?.image === undefined) return undefined;
  return {
    name: "image-config",
    phase: "rootfs",
    kind: "stage",
    title: `Put the image's config at ${IMAGE_CONFIG_PATH}`,
    run: ({ rootfs, image }) => {
      if (image !== undefined) rootfs.writeFile(IMAGE_CONFIG_PATH, image.raw, { mode: 0o644 });
    },
  };
}
