import type { ResolvedPlugin } from "../../contract/plugin.ts";
import type { Source } from "../../contract/source.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { applyLayer } from "../../rootfs/layers/apply.ts";
import type { Origin } from "../../rootfs/origin.ts";
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
      const { origins, image } = state;
      const commands = image && layerCommands(image.raw);
      let index = 0;
      for await (const layer of source.layers(need(state, "pin"), ctx)) {
        ctx.log(`layer: ${layer.label}`);
        origins.begin(layerOrigin(layer.label, index, commands));
        await applyLayer(state.rootfs.root, layer, { limits, warn, signal, origins });
        index += 1;
      }
    },
  };
}

/** A layer of an image by its number, from 1; without an image it is a tar, a folder, or what a custom source makes. */
function layerOrigin(label: string, index: number, commands: readonly (string | undefined)[] | undefined): Origin {
  if (commands === undefined) return { kind: "source", label };
  const detail = commands[index];
  const layer = { kind: "layer", label: `layer ${index + 1}: ${label.replace(/^layer /, "")}` } as const;
  return detail === undefined ? layer : { ...layer, detail };
}

/** The commands of an image's history that made layers, in their order (image-spec, config.md). */
function layerCommands(raw: Uint8Array): (string | undefined)[] {
  const { history } = JSON.parse(Buffer.from(raw).toString("utf8")) as { history?: unknown };
  const lines = Array.isArray(history) ? (history as ({ created_by?: unknown; empty_layer?: unknown } | null)[]) : [];
  return lines
    .filter((line) => line?.empty_layer !== true)
    .map((line) => (typeof line?.created_by === "string" ? line.created_by.slice(0, MOST_COMMAND) : undefined));
}

/** Commands may be whole scripts, and one is kept for each layer. */
const MOST_COMMAND = 500;

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
