import { createHash, type Hash } from "node:crypto";
import { FledgeError } from "./errors.ts";

declare const isChecked: unique symbol;

/**
 * A digest in the notation of the OCI image-spec (descriptor.md): `sha256:` + 64 hex digits. Only the functions of this
 * file make one, so that whoever has one may make a path of it.
 */
export type Digest = DigestText & { readonly [isChecked]: true };

/** A digest as others write it, which is still to be looked at. */
export type DigestText = `sha256:${string}`;

const SHA256_HEX = /^[0-9a-f]{64}$/;

/** The text as a digest when it is one, letter for letter. */
export function digestFrom(text: unknown): Digest | undefined {
  return typeof text === "string" && text.startsWith("sha256:")
    ? digestFromHex(text.slice("sha256:".length))
    : undefined;
}

/** The digest of these hex digits; undefined when they are not 64 in lower case. */
export function digestFromHex(hex: string): Digest | undefined {
  return SHA256_HEX.test(hex) ? checked(hex) : undefined;
}

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
  return checked(hex);
}

/** The 64 hex digits: a file name of nothing else. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

export function sha256(bytes: Uint8Array | string): Digest {
  return digestOf(createHash("sha256").update(bytes));
}

export function digestOf(hash: Hash): Digest {
  return checked(hash.digest("hex"));
}

function checked(hex: string): Digest {
  return `sha256:${hex}` as Digest;
}
