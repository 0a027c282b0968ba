import { z } from "zod";
import { isPlainObject } from "../lib/json.ts";

/** Which member of a union a value means. */
export type Choice =
  | { readonly kind: "variant"; readonly schema: z.ZodType; readonly isDefault?: boolean }
  /** Keys that name different variants stand side by side. */
  | { readonly kind: "mixed"; readonly keys: readonly string[] }
  /** The key that names the variant is there, with a word that names none. */
  | { readonly kind: "word"; readonly key: string; readonly words: readonly string[] }
  /** An object without any of the keys that name a variant. */
  | { readonly kind: "unnamed"; readonly keys: readonly string[]; readonly known: readonly string[] }
  | { readonly kind: "mismatch" };

/** Takes off what does not change the shape: optional, default, nullable, readonly, a pipe's output. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.in as z.ZodType;
    else if (isWrapper(inner)) inner = inner.unwrap() as z.ZodType;
    else return inner;
  }
}

/** The members of a union, those of unions inside it included. */
export function membersOf(union: z.ZodUnion): z.ZodType[] {
  return (union.options as readonly z.ZodType[]).flatMap((option) => {
    const inner = unwrap(option);
    return inner instanceof z.ZodUnion ? membersOf(inner) : [inner];
  });
}

/**
 * The variant that the writer meant, whether or not the value is valid: a variant is named by a literal
 * (`type: "ext4"`) or by the key that only it requires (`image`, `dockerfile`). The one whose literal may be left out is
 * the default.
 */
export function pickVariant(union: z.ZodUnion, value: unknown): Choice {
  const members = membersOf(union);
  if (!isPlainObject(value)) return variant(members.find((member) => takes(member, value)));
  const objects = members.filter((member) => member instanceof z.ZodObject);
  if (objects.length < 2) return variant(objects[0] ?? members.find((member) => takes(member, value)));
  return byLiteral(objects, value) ?? byDefault(objects) ?? byRequiredKey(objects, value);
}

/** Whether a value is of the kind that the schema is about, valid or not. */
export function takes(schema: z.ZodType, value: unknown): boolean {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return isPlainObject(value);
  if (inner instanceof z.ZodArray || inner instanceof z.ZodTuple) return Array.isArray(value);
  if (inner instanceof z.ZodString) return typeof value === "string";
  if (inner instanceof z.ZodNumber) return typeof value === "number";
  return inner.safeParse(value).success;
}

function byLiteral(objects: readonly z.ZodObject[], value: Record<string, unknown>): Choice | undefined {
  const words = new Map<string, string[]>();
  for (const object of objects) {
    for (const [key, own] of wordsOf(object)) {
      if (!(key in value)) continue;
      if (own.includes(value[key] as string)) return variant(object);
      words.set(key, [...(words.get(key) ?? []), ...own]);
    }
  }
  const [first] = words;
  return first === undefined ? undefined : { kind: "word", key: first[0], words: first[1] };
}

function byDefault(objects: readonly z.ZodObject[]): Choice | undefined {
  const schema = objects.find((object) => wordsOf(object).some(([key]) => isOptional(object, key)));
  return schema === undefined ? undefined : { kind: "variant", schema, isDefault: true };
}

function byRequiredKey(objects: readonly z.ZodObject[], value: Record<string, unknown>): Choice {
  const naming = new Map(objects.map((object) => [object, requiredKeys(object)] as const));
  const present = [...new Set([...naming.values()].flat())].filter((key) => value[key] !== undefined);
  const named = objects.filter((object) => naming.get(object)?.some((key) => present.includes(key)));
  const whole = named.find((object) => present.every((key) => key in object.shape));
  if (whole !== undefined) return variant(whole);
  if (named.length > 1) return { kind: "mixed", keys: present };
  return {
    kind: "unnamed",
    keys: [...new Set([...naming.values()].flat())],
    known: [...new Set(objects.flatMap((object) => Object.keys(object.shape)))],
  };
}

/** The keys that hold a word of their own; a flag such as `none: true` names a variant by being there. */
function wordsOf(object: z.ZodObject): [string, string[]][] {
  return Object.entries(object.shape).flatMap(([key, schema]): [string, string[]][] => {
    const inner = unwrap(schema as z.ZodType);
    const words = inner instanceof z.ZodLiteral ? [...inner.values].filter((word) => typeof word === "string") : [];
    return words.length > 0 ? [[key, words]] : [];
  });
}

function requiredKeys(object: z.ZodObject): string[] {
  return Object.keys(object.shape).filter((key) => !isOptional(object, key));
}

function isOptional(object: z.ZodObject, key: string): boolean {
  return (object.shape[key] as z.ZodType).safeParse(undefined).success;
}

function variant(schema: z.ZodType | undefined): Choice {
  return schema === undefined ? { kind: "mismatch" } : { kind: "variant", schema };
}

function isWrapper(schema: z.ZodType): schema is z.ZodOptional | z.ZodNullable | z.ZodDefault | z.ZodReadonly {
  return (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  );
}
