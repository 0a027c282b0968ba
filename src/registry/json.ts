import { formatSize } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import { DEFAULT_IMAGE_LIMITS, type DocumentLimits } from "./limits.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A JSON document that must be an object. Throws a `source` error that calls it `label`. */
export function parseJson(bytes: Uint8Array, label: string, limits?: DocumentLimits): JsonObject {
  const object = objectOf(parseJsonValue(bytes, label, limits));
  if (object === undefined) throw new FledgeError("source", `${label} is not a JSON object`);
  return object;
}

/** Any JSON document, within the limits. */
export function parseJsonValue(
  bytes: Uint8Array,
  label: string,
  { maxDocumentBytes, maxDocumentDepth }: DocumentLimits = DEFAULT_IMAGE_LIMITS,
): unknown {
  if (bytes.length > maxDocumentBytes) throw tooLarge(label, bytes.length, maxDocumentBytes);
  if (depthOf(bytes) > maxDocumentDepth) {
    throw new FledgeError(
      "source",
      `${label} is nested more than ${maxDocumentDepth} deep, the limit maxDocumentDepth`,
      {
        hint: `set limits.maxDocumentDepth above ${maxDocumentDepth} if you trust the image`,
      },
    );
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  try {
    // Tools of Windows begin a text with a byte order mark.
    return JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text);
  } catch (cause) {
    throw new FledgeError("source", `${label} is not JSON`, { cause });
  }
}

/** The error for a document that is larger than any real one. */
export function tooLarge(label: string, bytes: number, limit: number): FledgeError {
  return new FledgeError(
    "source",
    `${label} has ${formatSize(bytes)}, the limit maxDocumentBytes is ${formatSize(limit)}`,
    {
      hint: `set limits.maxDocumentBytes above ${bytes} if you trust the image`,
    },
  );
}

export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(objectOf).filter((item) => item !== undefined) : [];
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The strings of an array; nothing when it is not one. */
export function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** How deep brackets are nested, those in strings left out. */
function depthOf(bytes: Uint8Array): number {
  let deepest = 0;
  let depth = 0;
  let isString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isString = false;
    } else if (byte === QUOTE) isString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\[]{}');
