import { z } from "zod";
import { fledgeTomlSchema, manifestTomlSchema } from "./toml/schema.ts";

type JsonSchemaDocument = { readonly [key: string]: unknown };

/** The JSON Schema of fledge.toml; Draft 4, the one that TOML editors read. */
export function fledgeTomlJsonSchema(): JsonSchemaDocument {
  return draft4(fledgeTomlSchema, "fledge.toml", "The recipe of a Volant plugin, built by fledge");
}

/** The JSON Schema of manifest.toml. */
export function manifestTomlJsonSchema(): JsonSchemaDocument {
  return draft4(manifestTomlSchema, "manifest.toml", "What the manifest of a Volant plugin says of its run time");
}

function draft4(schema: z.ZodType, title: string, description: string): JsonSchemaDocument {
  const document = z.toJSONSchema(schema, {
    target: "draft-4",
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // For our own messages, not for editors.
      for (const key of ["exclusive", "expected", "hint", "hostPath"])
        delete (jsonSchema as Record<string, unknown>)[key];
    },
  });
  return { $schema: "http://json-schema.org/draft-04/schema#", title, description, ...document };
}

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
