import { z } from "zod";
import { agentOptions } from "../../guest/agent/options.ts";
import { sourceOptions } from "../../sources/options.ts";
import { manifestOptions } from "../../volant/options.ts";
import { layerSchema, namedPresets, workspaceSchema } from "../schema.ts";
import { membersInText, snakeObject, snakeSchema } from "../snake.ts";
import { membersOf } from "../variants.ts";

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
