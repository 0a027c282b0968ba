import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { PACKAGE } from "../config/modules/own-files.ts";
import { PRESETS, type PresetName } from "./index.ts";

/** An option of a preset; `type` in a few words, as `string[]` or `"a" | "b"`. */
export type OptionRow = {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly default?: unknown;
  readonly description: string;
};

export type PresetDescription = {
  readonly name: PresetName;
  readonly description: string;
  /** What a config writes into `extends` or imports. */
  readonly module: string;
  readonly options: readonly OptionRow[];
  /** A config that uses it: the first of its README. */
  readonly example: string;
  /** The file that says more. */
  readonly readme: string;
};

/** What there is to know of a bundled preset; its options are those of its schema. */
export async function describePreset(name: PresetName): Promise<PresetDescription> {
  const { preset } = (await PRESETS[name]()).default;
  const readme = fileURLToPath(new URL(`./${name}/README.md`, import.meta.url));
  const [, example = ""] = /^```ts\n(.*?)^```/ms.exec(readFileSync(readme, "utf8")) ?? [];
  return {
    name,
    description: preset.description,
    module: `${PACKAGE}/presets/${name}`,
    options: optionRows(preset.options),
    example,
    readme,
  };
}

function optionRows(schema: z.ZodType): OptionRow[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
  }) as JsonSchema;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    type: jsonType(property),
    isRequired: required.includes(name),
    ...(property.default !== undefined && { default: property.default }),
    description: property.description ?? "",
  }));
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
