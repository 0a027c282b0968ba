import { z } from "zod";
import { agentOptions } from "../../guest/agent/options.ts";
import { isPlainObject } from "../../lib/json.ts";
import { sourceOptions } from "../../sources/options.ts";
import { manifestOptions } from "../../volant/options.ts";
import { layerSchema, namedPresets, workspaceSchema } from "../schema.ts";
import { membersOf, pickVariant, unwrap } from "../variants.ts";

const shape = layerSchema.shape;
const textRows = layerSchema.omit({ hooks: true, stages: true, meta: true }).extend({
  extends: namedPresets.optional().describe("presets: paths, npm packages, or [name, options]"),
});
const rows = snakeObject(textRows).shape;

const checksum = z.string().optional().describe("sha256 of the agent");
const release = snakeObject(membersOf(agentOptions)[0] as z.ZodObject).omit({ release: true });

const agent = z.union([
  release.extend({
    source_strategy: z.literal("release").describe("a GitHub release of the agent"),
    version: z.string().min(1).optional().describe('release tag; default "latest"'),
  }),
  z.strictObject({
    source_strategy: z.literal("local").describe("a file on this machine"),
    path: z.string().min(1),
    checksum,
  }),
  z.strictObject({ source_strategy: z.literal("http").describe("a download"), url: z.string().min(1), checksum }),
  snakeSchema(agentOptions),
  z.literal(false),
]);

const busybox = {
  busybox_url: z.string().min(1).optional().describe("where the static BusyBox comes from (initramfs)"),
  busybox_sha256: z.string().optional().describe("its sha256"),
};

const source = z.union([
  ...membersInText(sourceOptions).map((variant) => snakeObject(variant as z.ZodObject).extend(busybox)),
  z.strictObject({ ...busybox, busybox_url: busybox.busybox_url.unwrap() }),
]);

/** What the Go original took with every type; what a type does not know has no effect, and a warning says so. */
export const originalFilesystem = {
  size_buffer_mb: z.int().min(0).optional().describe("free space in MiB; the same as headroom"),
  preallocate: z.boolean().optional(),
  compression_level: z.int().optional().describe("squashfs only"),
  overlay_size: z.union([z.string(), z.int()]).optional().describe("squashfs only"),
};

const filesystem = z.union(
  membersInText(shape.filesystem.unwrap()).map((variant) => {
    const rows = snakeObject(variant as z.ZodObject);
    return z.strictObject({ ...originalFilesystem, ...rows.shape });
  }),
);

const plugin = z.strictObject({
  name: rows.name as z.ZodType,
  version: rows.version as z.ZodType,
  strategy: rows.strategy as z.ZodType,
});

/** fledge.toml: the nested dialect (`[plugin]`, `[oci_source]`), the flat one (`version = "1"`), and the mix of both. */
export const fledgeTomlSchema = z.strictObject({
  ...rows,
  version: z
    .literal(["1", 1])
    .meta({ hint: "this is the version of the file format; the plugin's own goes under [plugin]" })
    .optional()
    .describe('version of the file format; always "1"'),
  plugins: workspaceSchema.shape.plugins.optional(),
  plugin: plugin.optional().describe("name, version and strategy of the plugin"),
  oci_source: snakeSchema(sourceOptions).optional().describe("the same as [source]"),
  agent: agent.optional().describe("where the Volant agent comes from"),
  source: source.optional().describe("what the root filesystem starts from"),
  filesystem: filesystem.optional().describe("the disk image of an oci_rootfs"),
});

/** manifest.toml: what the plugin manifest says, with the plugin's name and version. */
export const manifestTomlSchema = snakeObject(manifestOptions).extend({
  name: rows.name as z.ZodType,
  version: rows.version as z.ZodType,
});

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The same schema with the keys of every object in snake_case. Keys of records are data and stay; functions, which
 * no text format can hold, are left out. Rules over a whole object are not carried over: they read camelCase.
 */
export function snakeSchema(schema: z.ZodType): z.ZodType {
  return described(schema, rebuilt(schema));
}

/** Like `snakeSchema`, for an object, and typed as one. */
export function snakeObject(schema: z.ZodObject): z.ZodObject {
  const entries = Object.entries(schema.shape).flatMap(([key, value]): [string, z.ZodType][] =>
    isFunction(value as z.ZodType) ? [] : [[snakeCase(key), snakeSchema(value as z.ZodType)]],
  );
  return z.strictObject(Object.fromEntries(entries));
}

/** A value that `snakeSchema(schema)` accepts, in the keys of `schema`. */
export function toCamel(schema: z.ZodType, value: unknown): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const choice = pickSnakeVariant(inner, value);
    return choice === undefined ? value : toCamel(choice, value);
  }
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => toCamel(inner.element as z.ZodType, item));
  }
  if (!isPlainObject(value)) return value;
  if (inner instanceof z.ZodRecord)
    return mapEntries(value, (key, item) => [key, toCamel(inner.valueType as z.ZodType, item)]);
  if (!(inner instanceof z.ZodObject)) return value;
  const names = new Map(Object.keys(inner.shape).map((key) => [snakeCase(key), key]));
  return mapEntries(value, (key, item) => {
    const name = names.get(key);
    return name === undefined ? [key, item] : [name, toCamel(inner.shape[name] as z.ZodType, item)];
  });
}

function rebuilt(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional) return snakeSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodNullable) return snakeSchema(schema.unwrap() as z.ZodType).nullable();
  // In a text format a default is an absent key; what it is then is the camelCase schema's business.
  if (schema instanceof z.ZodDefault) return snakeSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodReadonly) return snakeSchema(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodObject) return snakeObject(schema);
  // Clones keep the rules of their own, such as a least length.
  if (schema instanceof z.ZodArray) {
    return schema.clone({ ...schema.def, element: snakeSchema(schema.element as z.ZodType) });
  }
  if (schema instanceof z.ZodRecord) {
    return schema.clone({ ...schema.def, valueType: snakeSchema(schema.valueType as z.ZodType) });
  }
  if (schema instanceof z.ZodUnion) return snakeUnion(schema);
  return schema;
}

function snakeUnion(union: z.ZodUnion): z.ZodType {
  const members = membersInText(union).map(snakeSchema);
  const [only] = members;
  return members.length === 1 && only !== undefined ? only : union.clone({ ...union.def, options: members });
}

function pickSnakeVariant(union: z.ZodUnion, value: unknown): z.ZodType | undefined {
  const members = membersInText(union);
  const twins = members.map(snakeSchema);
  const choice = pickVariant(z.union(twins), value);
  return choice.kind === "variant" ? members[twins.indexOf(choice.schema)] : undefined;
}

/** The members of a union that a text format can write: no functions, nor objects that are named by one. */
export function membersInText(union: z.ZodUnion): z.ZodType[] {
  const needsCode = (schema: z.ZodType): boolean =>
    schema instanceof z.ZodObject && Object.values(schema.shape).some((value) => value instanceof z.ZodCustom);
  return membersOf(union).filter((member) => !isFunction(member) && !needsCode(member));
}

function isFunction(schema: z.ZodType): boolean {
  const inner = unwrap(schema);
  return inner instanceof z.ZodCustom || inner instanceof z.ZodFunction;
}

function described(from: z.ZodType, to: z.ZodType): z.ZodType {
  const meta = from.meta();
  return meta === undefined || to === from ? to : to.meta(meta);
}

function mapEntries(
  value: Record<string, unknown>,
  each: (key: string, item: unknown) => [string, unknown],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => each(key, item)));
}
