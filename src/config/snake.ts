import { z } from "zod";
import { isPlainObject, membersOf, pickVariant, unwrap } from "./variants.ts";

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The same schema with the keys of every object in snake_case. Keys of records are data and stay; functions, which
 * no text format can hold, are left out. Rules over a whole object are not carried over: they read camelCase.
 */
export function snakeSchema(schema: z.ZodType): z.ZodType {
  return described(schema, rebuilt(schema));
}

/** Like `snakeSchema`, for an object, and typed as one. */
export function snakeObject(schema: z.ZodObject): z.ZodObject {
  const entries = Object.entries(schema.shape).flatMap(([key, value]): [string, z.ZodType][] =>
    isFunction(value as z.ZodType) ? [] : [[snakeCase(key), snakeSchema(value as z.ZodType)]],
  );
  return z.strictObject(Object.fromEntries(entries));
}

/** A value that `snakeSchema(schema)` accepts, in the keys of `schema`. */
export function toCamel(schema: z.ZodType, value: unknown): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const choice = pickSnakeVariant(inner, value);
    return choice === undefined ? value : toCamel(choice, value);
  }
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => toCamel(inner.element as z.ZodType, item));
  }
  if (!isPlainObject(value)) return value;
  if (inner instanceof z.ZodRecord)
    return mapEntries(value, (key, item) => [key, toCamel(inner.valueType as z.ZodType, item)]);
  if (!(inner instanceof z.ZodObject)) return value;
  const names = new Map(Object.keys(inner.shape).map((key) => [snakeCase(key), key]));
  return mapEntries(value, (key, item) => {
    const name = names.get(key);
    return name === undefined ? [key, item] : [name, toCamel(inner.shape[name] as z.ZodType, item)];
  });
}

function rebuilt(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional) return snakeSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodNullable) return snakeSchema(schema.unwrap() as z.ZodType).nullable();
  // In a text format a default is an absent key; what it is then is the camelCase schema's business.
  if (schema instanceof z.ZodDefault) return snakeSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodReadonly) return snakeSchema(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodObject) return snakeObject(schema);
  // Clones keep the rules of their own, such as a least length.
  if (schema instanceof z.ZodArray) {
    return schema.clone({ ...schema.def, element: snakeSchema(schema.element as z.ZodType) });
  }
  if (schema instanceof z.ZodRecord) {
    return schema.clone({ ...schema.def, valueType: snakeSchema(schema.valueType as z.ZodType) });
  }
  if (schema instanceof z.ZodUnion) return snakeUnion(schema);
  return schema;
}

function snakeUnion(union: z.ZodUnion): z.ZodType {
  const members = membersInText(union).map(snakeSchema);
  const [only] = members;
  return members.length === 1 && only !== undefined ? only : union.clone({ ...union.def, options: members });
}

function pickSnakeVariant(union: z.ZodUnion, value: unknown): z.ZodType | undefined {
  const members = membersInText(union);
  const twins = members.map(snakeSchema);
  const choice = pickVariant(z.union(twins), value);
  return choice.kind === "variant" ? members[twins.indexOf(choice.schema)] : undefined;
}

/** The members of a union that a text format can write: no functions, nor objects that are named by one. */
export function membersInText(union: z.ZodUnion): z.ZodType[] {
  const needsCode = (schema: z.ZodType): boolean =>
    schema instanceof z.ZodObject && Object.values(schema.shape).some((value) => value instanceof z.ZodCustom);
  return membersOf(union).filter((member) => !isFunction(member) && !needsCode(member));
}

function isFunction(schema: z.ZodType): boolean {
  const inner = unwrap(schema);
  return inner instanceof z.ZodCustom || inner instanceof z.ZodFunction;
}

function described(from: z.ZodType, to: z.ZodType): z.ZodType {
  const meta = from.meta();
  return meta === undefined || to === from ? to : to.meta(meta);
}

function mapEntries(
  value: Record<string, unknown>,
  each: (key: string, item: unknown) => [string, unknown],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => each(key, item)));
}
