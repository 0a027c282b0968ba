import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { LayerValues } from "./layer.ts";

/** Makes every host path of a layer absolute: it is relative to the file that wrote it, not to the one that extends it. */
export function rebase(
  values: LayerValues,
  folder: string,
): { values: LayerValues; mappingKeys: ReadonlyMap<string, string> } {
  const { mappings, outDir, source, agent, busybox, init } = values;
  const mappingKeys = new Map(Object.keys(mappings ?? {}).map((key) => [resolve(folder, key), key] as const));
  const rebased: LayerValues = {
    ...values,
    ...(outDir != null && { outDir: resolve(folder, outDir) }),
    ...(source != null && { source: rebaseSource(source, folder) }),
    ...(agent != null && { agent: rebaseKeys(agent, ["path", "url"], folder) }),
    ...(busybox != null && { busybox: rebaseKeys(busybox, ["path", "url"], folder) }),
    ...(init != null && { init: "path" in init ? { ...init, path: initPath(init.path, folder) } : init }),
    ...(mappings != null && {
      mappings: Object.fromEntries(Object.entries(mappings).map(([key, to]) => [resolve(folder, key), to])),
    }),
  };
  return { values: rebased, mappingKeys };
}

const SOURCE_PATHS = ["image", "dockerfile", "context", "layout", "archive", "tar", "dir"];

function rebaseSource<T extends object>(source: T, folder: string): T {
  const rebased = rebaseKeys(source, SOURCE_PATHS, folder);
  if (!("secrets" in rebased) || typeof rebased.secrets !== "object" || rebased.secrets === null) return rebased;
  const secrets = Object.entries(rebased.secrets).map(([id, from]) => [id, rebaseKeys(from, ["file"], folder)]);
  return { ...rebased, secrets: Object.fromEntries(secrets) };
}

function rebaseKeys<T>(value: T, keys: readonly string[], folder: string): T {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) =>
    keys.includes(key) && typeof item === "string" ? [key, hostPath(key, item, folder)] : [key, item],
  );
  return Object.fromEntries(entries);
}

function hostPath(key: string, text: string, folder: string): string {
  if (key === "url") return /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : resolve(folder, text);
  if (key !== "image") return text.startsWith("file:") ? text : resolve(folder, text);
  // `oci:DIR[:TAG]` and the archives are host paths in the clothes of an image reference.
  const match = /^(oci|oci-archive|docker-archive):([^:]+)(:.*)?$/.exec(text);
  return match === null ? text : `${match[1]}:${resolve(folder, match[2] ?? "")}${match[3] ?? ""}`;
}

/**
 * An absolute `init.path` is in the guest and a relative one on the host; a `file:` URL keeps the latter apart once
 * it is absolute.
 */
function initPath(path: string, folder: string): string {
  return isAbsolute(path) || path.startsWith("file:") ? path : pathToFileURL(resolve(folder, path)).href;
}
