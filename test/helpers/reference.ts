import { z } from "zod";
import { layerSchema } from "../../src/config/schema.ts";

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

/** An object of the config, or one variant of it: its path, and the keys that it has. */
type Group = {
  readonly title: string;
  readonly meaning: string;
  readonly keys: readonly (readonly [string, JsonSchema])[];
};

/** The reference of all options as a Markdown table with a row for each object, from the rows that also validate them. */
export function optionsTable(): string {
  const schema = z.toJSONSchema(layerSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const keys = Object.entries(schema.properties ?? {}).filter(([key]) => key !== "meta");
  const top: Group = {
    title: "",
    meaning: "the config",
    keys: keys.filter(([, value]) => groupsOf("", value).length === 0),
  };
  const groups = [top, ...keys.flatMap(([key, value]) => groupsOf(key, value))];
  return ["| option | keys |", "|---|---|", ...groups.map(row)].join("\n");
}

function groupsOf(path: string, schema: JsonSchema): Group[] {
  const variants = variantsOf(schema).filter((variant) => variant.properties !== undefined);
  return variants.flatMap((variant) => {
    const keys = Object.entries(variant.properties ?? {});
    const [named] = keys.filter(([, value]) => typeof value.const === "string");
    const word = named === undefined ? keys[0]?.[0] : `${named[0]}: ${JSON.stringify(named[1].const)}`;
    const own: Group = {
      title: variants.length > 1 ? `${path}: { ${word} }` : path,
      meaning: variant.description ?? schema.description ?? "",
      keys: keys.filter(([, value]) => !isObject(value)),
    };
    return [
      own,
      ...keys.filter(([, value]) => isObject(value)).flatMap(([key, value]) => groupsOf(`${path}.${key}`, value)),
    ];
  });
}

function isObject(schema: JsonSchema): boolean {
  return variantsOf(schema).some(({ properties }) => properties !== undefined);
}

function variantsOf(schema: JsonSchema): JsonSchema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(variantsOf)];
}

function row({ title, meaning, keys }: Group): string {
  const lines = keys.map(([key, schema]) => {
    const said = schema.description === undefined ? "" : `: ${schema.description}`;
    return `\`${key}\` *${typeOf(schema)}*${said}`;
  });
  const head = title === "" ? meaning : `\`${title}\`<br>${meaning}`;
  return `| ${cell(head)} | ${cell(lines.join("<br>"))} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
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
