import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { isPlainObject } from "../lib/json.ts";
import type { Finding, Path } from "./explain.ts";
import { type LayerValues, layerSchema } from "./schema.ts";
import { pickVariant, unwrap } from "./variants.ts";

/** Makes a path absolute that is relative to the file that wrote it. */
export type ToAbsolute = (path: string) => string;

/** A layer with absolute paths. */
export type Rebased = {
  readonly values: LayerValues;
  readonly mappingKeys: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
};

/**
 * Makes every host path of a layer absolute: it is relative to the file that wrote it, not to the one that extends it.
 * An option that is one says so in its schema: `.meta({ hostPath: "path" })`, or "url", "image" or "init" for what may
 * also be something else.
 */
export function rebase(values: LayerValues, absolute: ToAbsolute): Rebased {
  const findings: Finding[] = [];
  const at = (path: Path): Place => ({
    path,
    below: (key) => at([...path, key]),
    absolute,
    say: (message, hint, where) => findings.push({ path, at: where ?? "value", message, hint }),
  });
  return {
    values: rebased(layerSchema, values, at([])) as LayerValues,
    mappingKeys: new Map(Object.keys(values.mappings ?? {}).map((key) => [absolute(key), key])),
    findings,
  };
}

type Place = {
  readonly path: Path;
  below(key: string | number): Place;
  readonly absolute: ToAbsolute;
  say(message: string, hint: string, where?: "key"): void;
};

function rebased(schema: z.ZodType, value: unknown, place: Place): unknown {
  const inner = unwrap(schema);
  const kind = kindOf(schema) ?? kindOf(inner);
  if (kind !== undefined && typeof value === "string") return hostPath(kind, value, place);
  if (inner instanceof z.ZodUnion) {
    const choice = pickVariant(inner, value);
    return choice.kind === "variant" ? rebased(choice.schema, value, place) : value;
  }
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item, index) => rebased(inner.element as z.ZodType, item, place.below(index)));
  }
  if (!isPlainObject(value)) return value;
  if (inner instanceof z.ZodRecord) return record(inner, value, place);
  if (!(inner instanceof z.ZodObject)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const own = Object.hasOwn(inner.shape, key) ? (inner.shape[key] as z.ZodType) : undefined;
      return [key, own === undefined ? item : rebased(own, item, place.below(key))];
    }),
  );
}

function record(schema: z.ZodRecord, value: Record<string, unknown>, place: Place): Record<string, unknown> {
  const written = new Map<string, string>();
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const inside = place.below(key);
      const name = rebased(schema.keyType as z.ZodType, key, inside) as string;
      const other = written.get(name);
      if (other !== undefined) inside.say(`is the same path as ${JSON.stringify(other)}`, "keep one of them", "key");
      written.set(name, key);
      return [name, rebased(schema.valueType as z.ZodType, item, inside)];
    }),
  );
}

function kindOf(schema: z.ZodType): string | undefined {
  const kind = schema.meta()?.hostPath;
  return typeof kind === "string" ? kind : undefined;
}

function hostPath(kind: string, text: string, place: Place): string {
  if (kind === "url") return /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : toAbsolute(text, place);
  if (kind === "image") {
    // `oci:DIR[:TAG]` and the archives are host paths in the clothes of an image reference.
    const match = /^(oci|oci-archive|docker-archive):([^:]+)(:.*)?$/.exec(text);
    return match === null ? text : `${match[1]}:${toAbsolute(match[2] ?? "", place)}${match[3] ?? ""}`;
  }
  if (text.startsWith("file:")) return text;
  if (kind !== "init") return toAbsolute(text, place);
  // An absolute `init.path` is in the guest and a relative one on the host; a `file:` URL keeps the latter apart once
  // it is absolute.
  return isAbsolute(text) ? text : pathToFileURL(toAbsolute(text, place)).href;
}

/** What is not there because of how it was written is said here, where that is still to be seen. */
function toAbsolute(text: string, { absolute, say }: Place): string {
  const path = absolute(text);
  const parts = text.split("/");
  if (parts[0] === "~" && !existsSync(path)) {
    say(
      `"${text}" does not exist: ~ is a folder's name here, only the shell expands it`,
      "write the whole path, in TypeScript with env.HOME",
    );
  } else if (parts.includes("undefined") && !existsSync(path)) {
    say(
      `"${text}" does not exist, and a part of it is undefined`,
      'is a variable of the environment in it not set? Set it, or write a default: env.NAME ?? "..."',
    );
  }
  return path;
}
