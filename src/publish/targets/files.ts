import { basename } from "node:path";
import type { Digest } from "../../lib/digest.ts";
import { hexOf } from "../../lib/digest.ts";
import { type Built, manifestOf } from "../built.ts";

/** What a folder or a bucket gets of one build. */
export type PublishedFiles = {
  /** `name` is that of these bytes alone, so that manifests that were installed before stay true. */
  readonly artifact: {
    readonly name: string;
    readonly path: string;
    readonly digest: Digest;
    readonly sizeBytes: number;
  };
  /** The names of the manifest: that of this version, then that of the last one. */
  readonly manifests: readonly [ofVersion: string, latest: string];
  /** The manifest's bytes, with the artifact at an absolute URL or path. */
  manifest(artifactUrl: string): Buffer;
};

/** Names for the files of a build. Throws a `usage` error for what Volant does not boot. */
export function publishedFiles(build: Built): PublishedFiles {
  const { plugin, result } = build;
  const { document } = manifestOf(build);
  const { path, digest, sizeBytes } = result.artifact;
  const { name, version, stem = name } = plugin;
  const ending = basename(path).replace(/^.*?((-rootfs)?\.(img|cpio(\.\w+)?|\w+))$/, "$1");
  const key = document.rootfs === undefined ? "initramfs" : "rootfs";
  return {
    artifact: { name: `${stem}-${hexOf(digest).slice(0, 16)}${ending}`, path, digest, sizeBytes },
    manifests: [`${stem}-${version}.manifest.json`, `${stem}.manifest.json`],
    manifest: (url) =>
      Buffer.from(`${JSON.stringify({ ...document, [key]: { ...document[key], url } }, undefined, 2)}\n`),
  };
}

/** A URL below another, which may have a path, and a query never. */
export function urlBelow(base: string, ...names: readonly string[]): string {
  const words = names.flatMap((name) => name.split("/")).filter((word) => word !== "");
  return `${base.replace(/\/+$/, "")}/${words.map(encodeURIComponent).join("/")}`;
}
