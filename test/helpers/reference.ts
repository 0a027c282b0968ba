import { z } from "zod";
import { layerSchema, workspaceSchema } from "../../src/config/schema.ts";

type JsonSchema = {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
};

/** The reference of all options as a Markdown table, from the rows that also validate them. */
export function optionsTable(): string {
  const rows = [layerSchema, workspaceSchema]
    .map((schema) => z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema)
    .flatMap(({ properties }) => Object.entries(properties ?? {}))
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
  return `| \`${path}\` | ${typeOf(schema).replaceAll("|", "\\|")} | ${meaning} |`;
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.flatMap((variant) => typeOf(variant).split(" | ")))].join(" | ");
  if (schema.type === "array") return `${schema.items === undefined ? "any" : typeOf(schema.items)}[]`;
  if (schema.type === "object") return schema.properties === undefined ? "map" : "object";
  return schema.type ?? "any";
}
