import { FledgeError } from "../../lib/errors.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A JSON document that must be an object. Throws a `source` error that calls it `label`. */
export function parseJson(bytes: Uint8Array, label: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (cause) {
    throw new FledgeError("source", `${label} is not JSON`, { cause });
  }
  const object = objectOf(value);
  if (object === undefined) throw new FledgeError("source", `${label} is not a JSON object`);
  return object;
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
