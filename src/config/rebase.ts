import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { LayerValues } from "./layer.ts";

/** Makes a path absolute that is relative to the file that wrote it. */
export type ToAbsolute = (path: string) => string;

/** Makes every host path of a layer absolute: it is relative to the file that wrote it, not to the one that extends it. */
export function rebase(
  values: LayerValues,
  absolute: ToAbsolute,
): { values: LayerValues; mappingKeys: ReadonlyMap<string, string> } {
  const { mappings, outDir, source, agent, busybox, init } = values;
  const mappingKeys = new Map(Object.keys(mappings ?? {}).map((key) => [absolute(key), key] as const));
  const rebased: LayerValues = {
    ...values,
    ...(outDir != null && { outDir: absolute(outDir) }),
    ...(source != null && { source: rebaseSource(source, absolute) }),
    ...(agent != null && { agent: rebaseKeys(agent, ["path", "url"], absolute) }),
    ...(busybox != null && { busybox: rebaseKeys(busybox, ["path", "url"], absolute) }),
    ...(init != null && { init: "path" in init ? { ...init, path: initPath(init.path, absolute) } : init }),
    ...(mappings != null && {
      mappings: Object.fromEntries(Object.entries(mappings).map(([key, to]) => [absolute(key), to])),
    }),
  };
  return { values: rebased, mappingKeys };
}

const SOURCE_PATHS = ["image", "dockerfile", "context", "layout", "archive", "tar", "dir"];

function rebaseSource<T extends object>(source: T, absolute: ToAbsolute): T {
  const rebased = rebaseKeys(source, SOURCE_PATHS, absolute);
  if (!("secrets" in rebased) || typeof rebased.secrets !== "object" || rebased.secrets === null) return rebased;
  const secrets = Object.entries(rebased.secrets).map(([id, from]) => [id, rebaseKeys(from, ["file"], absolute)]);
  return { ...rebased, secrets: Object.fromEntries(secrets) };
}

function rebaseKeys<T>(value: T, keys: readonly string[], absolute: ToAbsolute): T {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) =>
    keys.includes(key) && typeof item === "string" ? [key, hostPath(key, item, absolute)] : [key, item],
  );
  return Object.fromEntries(entries);
}

function hostPath(key: string, text: string, absolute: ToAbsolute): string {
  if (key === "url") return /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : absolute(text);
  if (key !== "image") return text.startsWith("file:") ? text : absolute(text);
  // `oci:DIR[:TAG]` and the archives are host paths in the clothes of an image reference.
  const match = /^(oci|oci-archive|docker-archive):([^:]+)(:.*)?$/.exec(text);
  return match === null ? text : `${match[1]}:${absolute(match[2] ?? "")}${match[3] ?? ""}`;
}

/**
 * An absolute `init.path` is in the guest and a relative one on the host; a `file:` URL keeps the latter apart once
 * it is absolute.
 */
function initPath(path: string, absolute: ToAbsolute): string {
  return isAbsolute(path) || path.startsWith("file:") ? path : pathToFileURL(absolute(path)).href;
}
