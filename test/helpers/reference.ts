import { z } from "zod";
import { type JsonSchema, jsonType } from "../../src/config/json-type.ts";
import { layerSchema } from "../../src/config/schema.ts";

/** The reference of all options as a Markdown table, from the rows that also validate them. */
export function optionsTable(): string {
  const schema = z.toJSONSchema(layerSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const rows = Object.entries(schema.properties ?? {})
    .filter(([key]) => key !== "meta")
    .flatMap(([key, value]) => rowsOf(key, value));
  return ["| option | type | meaning |", "|---|---|---|", ...rows].join("\n");
}

function rowsOf(path: string, schema: JsonSchema): string[] {
  const own = schema.description === undefined ? [] : [row(path, schema)];
  const nested = variantsOf(schema).flatMap((variant) => Object.entries(variant.properties ?? {}));
  const seen = new Set<string>();
  const below = nested.flatMap(([key, value]) => {
    // A word that names a variant has a row of its own in each of them.
    const id = `${key} ${value.const ?? ""}`;
    if (seen.has(id)) return [];
    seen.add(id);
    return rowsOf(`${path}.${key}`, value);
  });
  return [...own, ...below];
}

function variantsOf(schema: JsonSchema): JsonSchema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(variantsOf)];
}

function row(path: string, schema: JsonSchema): string {
  const meaning = (schema.description ?? "").replaceAll("|", "\\|").replaceAll("\n", " ");
  return `| \`${path}\` | ${jsonType(schema).replaceAll("|", "\\|")} | ${meaning} |`;
}
