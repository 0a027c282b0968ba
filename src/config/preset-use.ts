import { isPlainObject } from "../lib/json.ts";
import type { StandardSchema } from "./standard-schema.ts";

// A word and not a symbol or a class: a config, its presets and the running fledge may each have a copy of this module.
const KIND = "fledge.preset";

/** Who a preset is; `url: import.meta.url` lets its relative paths work when it is used inline. */
export type PresetMeta = { readonly name: string; readonly description?: string; readonly url?: string };

/** A preset with its options, as an entry of `extends`. Nothing has run yet: the loader does that. */
export type PresetUse = { readonly kind: typeof KIND; readonly preset: object; readonly options: unknown };

/** The definition behind a `PresetUse`, as the loader sees it; a function alone has no name before it has run. */
export type AnyPresetDefinition = Partial<PresetMeta> & {
  readonly options?: StandardSchema;
  readonly setup: (options: unknown, context: never) => unknown;
};

/** Whether an entry of `extends` is a preset with its options. */
export function isPresetUse(value: unknown): value is PresetUse & { readonly preset: AnyPresetDefinition } {
  return isPlainObject(value) && value.kind === KIND && isDefinition(value.preset);
}

/** Whether something is what `definePreset` returned for a preset that takes options. */
export function isPreset(value: unknown): value is (() => PresetUse) & { readonly preset: AnyPresetDefinition } {
  return typeof value === "function" && isDefinition((value as { preset?: unknown }).preset);
}

/** Makes the function of a preset that is called in `extends`. */
export function usable(preset: object): object {
  return Object.assign((options?: unknown) => ({ kind: KIND, preset, options }), { preset });
}

function isDefinition(value: unknown): boolean {
  return isPlainObject(value) && typeof value.setup === "function";
}
