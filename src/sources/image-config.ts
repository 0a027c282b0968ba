import type { ImageConfig } from "../contract/source.ts";
import { type Digest, digestFrom } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { shortened } from "../lib/shortened.ts";
import { type JsonObject, objectOf, parseJson, stringOf, stringsOf } from "../registry/json.ts";
import type { DocumentLimits } from "../registry/limits.ts";

/**
 * Reads an image configuration (image-spec, config.md; Docker's is the same where they overlap). What is null, absent or
 * of the wrong type counts as not given: registries hold documents of every age. Throws a `source` error when the bytes
 * are not a JSON object.
 */
export function parseImageConfig(bytes: Uint8Array, label: string, limits?: DocumentLimits): ImageConfig {
  const document = parseJson(bytes, label, limits);
  const config = objectOf(document.config) ?? {};
  const workdir = stringOf(config.WorkingDir);
  const user = stringOf(config.User);
  const variant = stringOf(document.variant);
  return {
    raw: bytes,
    os: stringOf(document.os) ?? "linux",
    architecture: stringOf(document.architecture) ?? "",
    ...(variant && { variant }),
    entrypoint: argvOf(config.Entrypoint),
    cmd: argvOf(config.Cmd),
    env: envOf(config.Env),
    ...(workdir && { workdir }),
    ...(user && { user }),
    exposedPorts: portsOf(config.ExposedPorts),
    labels: labelsOf(config.Labels),
  };
}

/**
 * The `rootfs.diff_ids` of an image configuration: what each layer hashes to once uncompressed. Throws a `source` error for
 * one that is no digest.
 */
export function diffIdsOf(bytes: Uint8Array, label: string, limits?: DocumentLimits): readonly Digest[] {
  const rootfs = objectOf(parseJson(bytes, label, limits).rootfs);
  // What Go has none of it writes as null.
  const listed = rootfs?.diff_ids === null ? [] : rootfs?.diff_ids;
  if (!Array.isArray(listed)) {
    throw new FledgeError("source", `${label} does not list the layers of a root filesystem (rootfs.diff_ids)`, {
      hint: "it may be an artifact of another kind, such as a Helm chart or a signature",
    });
  }
  return listed.map((item: unknown) => {
    const digest = digestFrom(item);
    if (digest !== undefined) return digest;
    const written = shortened(JSON.stringify(item) ?? "", 100);
    throw new FledgeError(
      "source",
      `${label} lists a layer by ${written}, which is no sha256 digest (rootfs.diff_ids)`,
      {
        hint: "the image is damaged, or was not made by a usual builder: build or fetch it again",
      },
    );
  });
}

/** A string is what old builders wrote for the shell form. */
function argvOf(value: unknown): string[] {
  return typeof value === "string" && value !== "" ? ["/bin/sh", "-c", value] : stringsOf(value);
}

/** `NAME=value` items; the later of two wins. One without `=` has an empty value, as Docker passes it on. */
function envOf(value: unknown): Record<string, string> {
  const env: Record<string, string> = Object.create(null);
  for (const item of stringsOf(value)) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    if (name !== "") env[name] = equals < 0 ? "" : item.slice(equals + 1);
  }
  return { ...env };
}

/** The keys of an object of empty objects. A port alone means TCP. */
function portsOf(value: unknown): string[] {
  return Object.keys(objectOf(value) ?? {}).map((port) => (port.includes("/") ? port : `${port}/tcp`));
}

function labelsOf(value: unknown): Record<string, string> {
  const labels = objectOf(value) ?? ({} as JsonObject);
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
