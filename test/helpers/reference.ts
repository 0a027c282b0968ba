import { z } from "zod";
import { type JsonSchema, jsonType } from "../../src/config/json-type.ts";
import { layerSchema, workspaceSchema } from "../../src/config/schema.ts";

/** An object of the config, or one variant of it: its path, and the keys that it has. */
type Group = {
  readonly title: string;
  readonly meaning: string;
  readonly keys: readonly (readonly [string, JsonSchema])[];
};

/** The reference of all options as a Markdown table with a row for each object, from the rows that also validate them. */
export function optionsTable(): string {
  const keys = keysOf(layerSchema).filter(([key]) => key !== "meta");
  const groups: Group[] = [
    { title: "", meaning: "the config", keys: keys.filter(([, value]) => groupsOf("", value).length === 0) },
    ...keys.flatMap(([key, value]) => groupsOf(key, value)),
    { title: "", meaning: "a workspace", keys: keysOf(workspaceSchema) },
  ];
  return ["| option | keys |", "|---|---|", ...groups.map(row)].join("\n");
}

function keysOf(schema: z.ZodType): [string, JsonSchema][] {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return Object.entries(properties);
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
    return `\`${key}\` *${jsonType(schema)}*${said}`;
  });
  const head = title === "" ? meaning : `\`${title}\`<br>${meaning}`;
  return `| ${cell(head)} | ${cell(lines.join("<br>"))} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
