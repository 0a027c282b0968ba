import type { Awaitable, ConfigEnv } from "./define.ts";
import type { LayerInput } from "./schema.ts";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";
import { isPlainObject } from "./variants.ts";

// A word and not a symbol or a class: a config, its presets and the running fledge may each have a copy of this module.
const KIND = "fledge.preset";

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

/** Who a preset is; `url: import.meta.url` lets its relative paths work when it is used inline. */
export type PresetMeta = { readonly name: string; readonly description?: string; readonly url?: string };

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

/** A preset with its options, as an entry of `extends`. Nothing has run yet: the loader does that. */
export type PresetUse = { readonly kind: typeof KIND; readonly preset: object; readonly options: unknown };

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

/** The definition behind a `PresetUse`, as the loader sees it; a function alone has no name before it has run. */
export type AnyPresetDefinition = Partial<PresetMeta> & {
  readonly options?: StandardSchema;
  readonly setup: (options: unknown, context: PresetContext) => unknown;
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

/** Whether an entry of `extends` is a preset with its options. */
export function isPresetUse(value: unknown): value is PresetUse & { readonly preset: AnyPresetDefinition } {
  return isPlainObject(value) && value.kind === KIND && isDefinition(value.preset);
}

/** Whether something is what `definePreset` returned for a preset that takes options. */
export function isPreset(value: unknown): value is (() => PresetUse) & { readonly preset: AnyPresetDefinition } {
  return typeof value === "function" && isDefinition((value as { preset?: unknown }).preset);
}

function usable(preset: object): object {
  return Object.assign((options?: unknown) => ({ kind: KIND, preset, options }), { preset });
}

function isDefinition(value: unknown): boolean {
  return isPlainObject(value) && typeof value.setup === "function";
}
