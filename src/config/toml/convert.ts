import type { z } from "zod";
import type { Warning } from "../../lib/context.ts";
import type { Finding, Path } from "../explain.ts";
import { type LayerInput, layerSchema } from "../schema.ts";
import { pickVariant } from "../variants.ts";
import { BESIDE_PLUGINS } from "../workspace.ts";
import { originalFilesystem, snakeCase, toCamel } from "./schema.ts";

type Table = Record<string, unknown>;

/** A table in the shape of the TypeScript config, with what has to be said about it. */
export type Converted = {
  readonly values: LayerInput;
  readonly findings: readonly Finding[];
  readonly warnings: readonly Warning[];
  /** Which values were concluded, and from what. */
  readonly inferred: readonly { readonly key: string; readonly from: string }[];
  /** `plugins` of a fledge.toml, which then has nothing else. */
  readonly workspace?: readonly string[];
};

/** Brings both dialects of fledge.toml into the one shape. The table is known to be valid. */
export function fromFledgeToml(table: Table): Converted {
  if (table.plugins !== undefined) return workspace(table);
  const { version: _formatVersion, plugin, oci_source: ociSource, ...rest } = table;
  const { busyboxUrl, busyboxSha256, source } = splitSource(rest.source as Table | undefined);
  const rows: Table = {
    ...rest,
    ...(plugin as Table | undefined),
    source: ociSource ?? source,
    busybox: busyboxUrl === undefined ? rest.busybox : { url: busyboxUrl, sha256: busyboxSha256 },
    agent: agentOf(rest.agent),
    filesystem: filesystemOf(rest.filesystem as Table | undefined),
  };
  const inferred = rows.strategy === undefined ? inferStrategy(table, busyboxUrl !== undefined) : undefined;
  if (inferred !== undefined) rows.strategy = inferred.strategy;
  return {
    values: toCamel(layerSchema, defined(rows)) as LayerInput,
    findings: conflicts(table),
    warnings: withoutEffect(rest.filesystem as Table | undefined),
    inferred: inferred === undefined ? [] : [{ key: "strategy", from: inferred.from }],
  };
}

function workspace(table: Table): Converted {
  const others = Object.keys(table).filter((key) => key !== "plugins" && key !== "version");
  const findings = others.map((key): Finding => ({ path: [key], at: "key", ...BESIDE_PLUGINS }));
  return { values: {}, findings, warnings: [], inferred: [], workspace: table.plugins as string[] };
}

/** Where `fromFledgeToml` puts a key, still in snake_case; undefined for the format's version, which it drops. */
export function placeOfFledgeKey(path: Path, values: LayerInput): Path | undefined {
  const [table, ...rest] = path;
  if (table === "version") return undefined;
  if (table === "plugin") return rest;
  if (table === "oci_source") return ["source", ...rest];
  if (table === "source" && rest.length === 0 && values.source === undefined) return ["busybox"];
  return MOVED[`${table}.${rest[0]}`] ?? path;
}

const MOVED: Readonly<Record<string, Path>> = {
  "source.busybox_url": ["busybox", "url"],
  "source.busybox_sha256": ["busybox", "sha256"],
  "agent.source_strategy": ["agent"],
  "agent.version": ["agent", "release"],
  "filesystem.size_buffer_mb": ["filesystem", "headroom"],
};

function splitSource(source: Table = {}): { busyboxUrl: unknown; busyboxSha256: unknown; source: Table | undefined } {
  const { busybox_url: busyboxUrl, busybox_sha256: busyboxSha256, ...base } = source;
  return { busyboxUrl, busyboxSha256, source: Object.keys(base).length > 0 ? base : undefined };
}

function agentOf(agent: unknown): unknown {
  const { source_strategy: strategy, version = "latest", ...rest } = (agent || {}) as Table;
  if (strategy === undefined) return agent;
  return strategy === "release" ? { ...rest, release: version } : rest;
}

function filesystemOf(filesystem: Table | undefined): Table | undefined {
  if (filesystem === undefined) return undefined;
  const { size_buffer_mb: bufferMb, ...rest } = filesystem;
  const headroom = bufferMb === undefined ? {} : { headroom: `${bufferMb}M` };
  const idle = new Set(idleKeys(filesystem));
  return Object.fromEntries(Object.entries({ ...rest, ...headroom }).filter(([key]) => !idle.has(key)));
}

/** Keys that the Go original took with every type, and that have no effect on this one. */
function idleKeys(filesystem: Table): string[] {
  const choice = pickVariant(layerSchema.shape.filesystem.unwrap(), filesystem);
  const known = choice.kind === "variant" ? (choice.schema as z.ZodObject).shape : {};
  const rows = new Set(Object.keys(known).map(snakeCase));
  if (rows.has("headroom")) rows.add("size_buffer_mb");
  return Object.keys(originalFilesystem).filter((key) => key in filesystem && !rows.has(key));
}

/** The strategy that only one of the tables can belong to. */
function inferStrategy(table: Table, hasBusybox: boolean): { strategy: string; from: string } | undefined {
  const rootfs = ["oci_source", "filesystem"].find((key) => table[key] !== undefined);
  const initramfs = hasBusybox ? "source.busybox_url" : ["init", "busybox", "archive"].find((key) => key in table);
  if (rootfs !== undefined && initramfs === undefined) return { strategy: "oci_rootfs", from: `[${rootfs}]` };
  if (initramfs !== undefined && rootfs === undefined) return { strategy: "initramfs", from: initramfs };
  return undefined;
}

function conflicts(table: Table): Finding[] {
  const plugin = (table.plugin ?? {}) as Table;
  const source = (table.source ?? {}) as Table;
  const filesystem = (table.filesystem ?? {}) as Table;
  const twice: [boolean, Path, string][] = [
    ...["name", "strategy"].map((key): [boolean, Path, string] => [
      key in plugin && key in table,
      ["plugin", key],
      `"${key}" is given here and at the top of the file`,
    ]),
    [
      "oci_source" in table && Object.keys(source).some((key) => !key.startsWith("busybox_")),
      ["oci_source"],
      "[oci_source] and [source] say the same thing",
    ],
    ["busybox" in table && "busybox_url" in source, ["busybox"], "[busybox] and source.busybox_url say the same thing"],
    [
      "headroom" in filesystem && "size_buffer_mb" in filesystem,
      ["filesystem", "size_buffer_mb"],
      '"size_buffer_mb" and "headroom" say the same thing',
    ],
  ];
  const findings = twice
    .filter(([found]) => found)
    .map(([, path, message]): Finding => ({ path, at: "key", message, hint: "keep one of them" }));
  if ("busybox_sha256" in source && !("busybox_url" in source)) {
    findings.push({ path: ["source", "busybox_sha256"], at: "key", message: "needs busybox_url beside it" });
  }
  return findings;
}

function withoutEffect(filesystem: Table = {}): Warning[] {
  return idleKeys(filesystem).map((key) => ({
    message: `filesystem.${key} has no effect on ${filesystem.type ?? "ext4"}`,
  }));
}

function defined(table: Table): Table {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}

/** Brings manifest.toml into the shape of a config: name, version, and the rest under `manifest`. */
export function fromManifestToml(table: Record<string, unknown>): Converted {
  const { name, version, ...manifest } = table;
  const values = { ...(name !== undefined && { name }), ...(version !== undefined && { version }), manifest };
  return { values: toCamel(layerSchema, values) as LayerInput, findings: [], warnings: [], inferred: [] };
}

/** Where `fromManifestToml` puts a key, still in snake_case. */
export function placeOfManifestKey(path: Path): Path {
  return path[0] === "name" || path[0] === "version" ? path : ["manifest", ...path];
}
