import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Warning } from "../lib/context.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { errnoOf } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import type { LocatedProblem } from "./describe.ts";
import type { Manifest } from "./schema.ts";

export type ArtifactFindings = { readonly problems: readonly LocatedProblem[]; readonly warnings: readonly Warning[] };

/**
 * Compares the boot artifact with its checksum when the manifest names it by a plain path, relative to the
 * manifest's own folder. Throws an `io` error when it is there and cannot be read.
 */
export async function checkArtifact(manifest: Manifest, manifestPath: string): Promise<ArtifactFindings> {
  const kind = manifest.rootfs === undefined ? "initramfs" : "rootfs";
  const medium = manifest[kind];
  if (medium === undefined || /^https?:/i.test(medium.url)) return { problems: [], warnings: [] };
  const path = isAbsolute(medium.url) ? medium.url : join(dirname(manifestPath), medium.url);
  const digest = await digestFile(path);
  if (digest === undefined) {
    const hint = "put the artifact beside the manifest before you install it";
    return { problems: [], warnings: [{ message: `${kind}.url: there is no file ${path}`, hint }] };
  }
  if (!medium.checksum) {
    return { problems: [], warnings: [{ message: missingChecksum(kind), hint: `"checksum": "${digest}"` }] };
  }
  if (medium.checksum.toLowerCase().replace(/^(?!sha256:)/, "sha256:") === digest)
    return { problems: [], warnings: [] };
  const message = `${kind}.checksum is ${medium.checksum}, but ${path} has ${digest}`;
  const hint = "build again, or fetch the artifact that belongs to this manifest";
  return { problems: [{ path: [kind, "checksum"], message, hint }], warnings: [] };
}

/** What there is to say of an artifact without a checksum. */
export function missingChecksum(kind: "rootfs" | "initramfs"): string {
  return `${kind}.checksum is missing: Volant will not notice a damaged artifact`;
}

async function digestFile(path: string): Promise<Digest | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw ioError(error, "read", path);
  }
  return digestOf(hash);
}
