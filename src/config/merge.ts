import { z } from "zod";
import type { HookLayer } from "../contract/hooks.ts";
import type { StageLayer } from "../contract/plugin.ts";
import { isPlainObject } from "../lib/json.ts";
import type { Layer } from "./layers.ts";
import { type LayerValues, layerSchema } from "./schema.ts";
import { pickVariant, unwrap } from "./variants.ts";

/** What the layers of a plugin come to. */
export type Merged = {
  readonly values: LayerValues;
  readonly hooks: readonly HookLayer[];
  readonly stages: readonly StageLayer[];
};

/** Merges layers, the lowest first: values by `mergeValues`, hooks and stages of every layer kept in that order. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  return {
    values: layers.reduce<LayerValues>((low, layer) => mergeValues(layerSchema, low, layer.values) as LayerValues, {}),
    hooks: layers.flatMap(({ origin, hooks }) => (hooks === undefined ? [] : [{ origin, hooks }])),
    stages: layers.flatMap(({ origin, stages }) => stages.map((stage) => ({ origin, stage }))),
  };
}

/**
 * `high` over `low`: objects and records merge key by key, arrays and scalars replace, a union's variant replaces one
 * of another kind as a whole, and undefined or null says nothing.
 */
export function mergeValues(schema: z.ZodType, low: unknown, high: unknown): unknown {
  if (high === undefined || high === null) return low;
  if (low === undefined || low === null) return high;
  if (!isPlainObject(low) || !isPlainObject(high)) return high;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const variant = commonVariant(inner, low, high);
    return variant === undefined ? high : mergeValues(variant, low, high);
  }
  if (inner instanceof z.ZodRecord) return mergeKeys(() => inner.valueType as z.ZodType, low, high);
  if (inner instanceof z.ZodObject) return mergeKeys((key) => inner.shape[key] as z.ZodType | undefined, low, high);
  return high;
}

function mergeKeys(
  schemaOf: (key: string) => z.ZodType | undefined,
  low: Record<string, unknown>,
  high: Record<string, unknown>,
): Record<string, unknown> {
  const keys = [...new Set([...Object.keys(low), ...Object.keys(high)])];
  return Object.fromEntries(
    keys.map((key) => [key, mergeValues(schemaOf(key) ?? z.unknown(), low[key], high[key])] as const),
  );
}

/** The variant that both values are of; a value that names none goes along with the lower one. */
function commonVariant(union: z.ZodUnion, low: unknown, high: unknown): z.ZodType | undefined {
  const lower = pickVariant(union, low);
  const higher = pickVariant(union, high);
  if (lower.kind !== "variant") return undefined;
  if (higher.kind === "unnamed" || (higher.kind === "variant" && higher.isDefault)) return lower.schema;
  return higher.kind === "variant" && higher.schema === lower.schema ? lower.schema : undefined;
}
