import { type LayerInput, layerSchema } from "../schema.ts";
import { toCamel } from "../snake.ts";
import type { Converted } from "./read.ts";

/** Brings manifest.toml into the shape of a config: name, version, and the rest under `manifest`. */
export function fromManifestToml(table: Record<string, unknown>): Converted {
  const { name, version, ...manifest } = table;
  const values = { ...(name !== undefined && { name }), ...(version !== undefined && { version }), manifest };
  return { values: toCamel(layerSchema, values) as LayerInput, findings: [], warnings: [], inferred: [] };
}
