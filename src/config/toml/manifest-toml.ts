import type { Path } from "../explain.ts";
import { type LayerInput, layerSchema } from "../schema.ts";
import { toCamel } from "../snake.ts";
import type { Converted } from "./read.ts";

/** Brings manifest.toml into the shape of a config: name, version, and the rest under `manifest`. */
export function fromManifestToml(table: Record<string, unknown>): Converted {
  const { name, version, ...manifest } = table;
  const values = { ...(name !== undefined && { name }), ...(version !== undefined && { version }), manifest };
  return { values: toCamel(layerSchema, values) as LayerInput, findings: [], warnings: [], inferred: [] };
}

/** Where `fromManifestToml` puts a key, still in snake_case. */
export function placeOfManifestKey(path: Path): Path {
  return path[0] === "name" || path[0] === "version" ? path : ["manifest", ...path];
}
