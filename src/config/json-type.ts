/** The part of JSON Schema that zod writes for options. */
export type JsonSchema = {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
};

/** A type in a few words, for tables: `string[]`, `"a" | "b"`, `map`. */
export function jsonType(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.flatMap((variant) => jsonType(variant).split(" | ")))].join(" | ");
  if (schema.type === "array") return `${schema.items === undefined ? "any" : jsonType(schema.items)}[]`;
  if (schema.type === "object") return schema.properties === undefined ? "map" : "object";
  return schema.type ?? "any";
}
