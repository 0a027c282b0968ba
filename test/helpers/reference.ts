import { z } from "zod";
import { layerSchema, workspaceSchema } from "../../src/config/schema.ts";
import { type JsonSchema, jsonType } from "../../src/presets/describe.ts";

type Keys = readonly (readonly [name: string, schema: JsonSchema])[];

/** An object of the config: its path, and the keys of each of its variants. */
type Row = { readonly title: string; readonly meaning: string; readonly variants: readonly Keys[] };

/** The reference of all options as a Markdown table with a row for each object, from the rows that also validate them. */
export function optionsTable(): string {
  const keys = keysOf(layerSchema).filter(([key]) => key !== "meta");
  const rows: Row[] = [
    { title: "", meaning: "the config", variants: [keys.filter(([, value]) => !isObject(value))] },
    ...keys.flatMap(([key, value]) => rowsOf(key, value)),
    { title: "", meaning: "a workspace", variants: [keysOf(workspaceSchema)] },
  ];
  return ["| option | keys |", "|---|---|", ...rows.map(markdown)].join("\n");
}

function keysOf(schema: z.ZodType): Keys {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return Object.entries(properties);
}

function rowsOf(title: string, schema: JsonSchema): Row[] {
  const variants = objectsOf(schema).map(({ properties }) => Object.entries(properties ?? {}));
  if (variants.length === 0) return [];
  const own = variants.map((keys) => keys.filter(([, value]) => !isObject(value)));
  const below = variants.flat().filter(([, value]) => isObject(value));
  const meaning = schema.description ?? "";
  return [{ title, meaning, variants: own }, ...below.flatMap(([key, value]) => rowsOf(`${title}.${key}`, value))];
}

function objectsOf(schema: JsonSchema): JsonSchema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(objectsOf)].filter(({ properties }) => properties !== undefined);
}

function isObject(schema: JsonSchema): boolean {
  return objectsOf(schema).length > 0;
}

function markdown({ title, meaning, variants }: Row): string {
  const head = title === "" ? meaning : `\`${title}\`<br>${meaning}`;
  const body = variants.map((keys) => [...nameOf(keys, variants), ...keys.map(line)].join("<br>"));
  return `| ${cell(head)} | ${cell(body.join("<br>"))} |`;
}

/** What tells a variant from the others: the word that it has, else its first key. */
function nameOf(keys: Keys, variants: readonly Keys[]): string[] {
  if (variants.length < 2) return [];
  const named = keys.find(([, { const: word }]) => typeof word === "string");
  return [`**{ ${named === undefined ? keys[0]?.[0] : `${named[0]}: ${JSON.stringify(named[1].const)}`} }**`];
}

function line([key, schema]: Keys[number]): string {
  return `\`${key}\` *${jsonType(schema)}*${schema.description === undefined ? "" : `: ${schema.description}`}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
