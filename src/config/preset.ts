import type { Awaitable } from "../lib/context.ts";
import { isPlainObject } from "../lib/json.ts";
import type { ConfigEnv } from "./define.ts";
import { type PresetMeta, type PresetUse, usable } from "./preset-use.ts";
import type { LayerInput } from "./schema.ts";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";

/** What the function of a preset is told beside its options. */
export type PresetContext = ConfigEnv & {
  /**
   * The absolute path of a host path that came as an option: relative to the file that wrote the `extends`. What the
   * preset itself writes needs no such care; it is relative to the preset's own file (`url`).
   */
  resolve(path: string): string;
};

/** What a preset contributes: any part of a recipe. */
export type PresetLayer = Omit<LayerInput, "meta">;

/** Part of a recipe as plain data, for others to `extends`; `meta` says whose it is. */
export type PresetConfig = PresetLayer & { meta: PresetMeta };

/** A preset that takes options, as a function alone. */
export type PresetFunction<Options> = (options: Options, context: PresetContext) => Awaitable<PresetConfig>;

/** A preset with all that `fledge presets` can say of it. */
export type PresetDefinition<Schema extends StandardSchema> = PresetMeta & {
  /** Checks the options and fills in defaults: zod, or any other Standard Schema. */
  readonly options: Schema;
  readonly setup: (options: OutputOf<Schema>, context: PresetContext) => Awaitable<PresetLayer>;
};

/** The same for options that only the types check. */
export type UncheckedPresetDefinition<Options> = PresetMeta & {
  readonly options?: undefined;
  readonly setup: (options: Options, context: PresetContext) => Awaitable<PresetLayer>;
};

type Arguments<Options> = Record<never, never> extends Options ? [options?: Options] : [options: Options];

/** A preset: `extends: [preset(options)]`. Its default export in a package makes `["package", options]` work too. */
export type Preset<Options = Record<never, never>> = {
  (...args: Arguments<Options>): PresetUse;
  readonly preset: Partial<PresetMeta> & { readonly options?: StandardSchema | undefined };
};

/** A preset that says all that there is to say of it, as each bundled one does. */
export type DescribedPreset<Schema extends StandardSchema> = Preset<InputOf<Schema>> & {
  readonly preset: Required<PresetMeta> & { readonly options: Schema };
};

/**
 * Defines a preset: with `options` as a schema, with a `setup` alone, as a function of `(options, context)`, or as
 * plain data that takes no options. The data comes back as it is; the others as a function to call in `extends`.
 */
export function definePreset<Schema extends StandardSchema>(
  definition: Required<PresetMeta> & PresetDefinition<Schema>,
): DescribedPreset<Schema>;
export function definePreset<Schema extends StandardSchema>(
  definition: PresetDefinition<Schema>,
): Preset<InputOf<Schema>>;
export function definePreset<Options = Record<never, never>>(
  definition: UncheckedPresetDefinition<Options>,
): Preset<Options>;
export function definePreset<Options = Record<never, never>>(preset: PresetFunction<Options>): Preset<Options>;
// Last, because TypeScript reports what the last overload says.
export function definePreset(preset: PresetConfig): PresetConfig;
export function definePreset(preset: unknown): unknown {
  if (typeof preset === "function") return usable({ setup: preset });
  return isPlainObject(preset) && "setup" in preset ? usable(preset) : preset;
}
