import { createHash, type Hash } from "node:crypto";
import { FledgeError } from "./errors.ts";

/** A digest in the notation of the OCI image-spec (descriptor.md): `sha256:` + 64 hex digits. */
export type Digest = `sha256:${string}`;

const SHA256_HEX = /^[0-9a-f]{64}$/;

/** Accepts `sha256:HEX` or bare hex, in either case. Throws a `config` error that names `where`. */
export function parseDigest(text: string, where: string): Digest {
  const hex = text
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, "");
  if (!SHA256_HEX.test(hex)) {
    throw new FledgeError("config", `${where}: "${text}" is not a sha256 checksum`, {
      hint: "write sha256: followed by 64 hex digits, as sha256sum prints them",
    });
  }
  return `sha256:${hex}`;
}

export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

export function sha256(bytes: Uint8Array | string): Digest {
  return digestOf(createHash("sha256").update(bytes));
}

export function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest("hex")}`;
}
