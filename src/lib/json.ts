/** What a JSON document can hold. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** An object as JSON, TOML and configs have it: no array, and of no class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  // A config is evaluated in the same realm, but what smol-toml or JSON made may have no prototype.
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Where a value holds what JSON has no form for, as in `value.list[2] is a function`; undefined when it is JSON. */
export function findNonJson(value: unknown, path = "value", above: readonly object[] = []): string | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${path} is ${value}`;
  if (typeof value !== "object") return `${path} is ${value === undefined ? "undefined" : `a ${typeof value}`}`;
  if (above.includes(value)) return `${path} holds itself`;
  const inside = [...above, value];
  if (Array.isArray(value)) {
    // Array.from makes holes undefined, which they must not hide behind.
    return first(Array.from(value as unknown[]), (item, index) => findNonJson(item, `${path}[${index}]`, inside));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path} is a ${value.constructor?.name ?? "class instance"}`;
  }
  return first(Object.entries(value), ([key, item]) => findNonJson(item, `${path}.${key}`, inside));
}

function first<T>(items: readonly T[], look: (item: T, index: number) => string | undefined): string | undefined {
  for (const [index, item] of items.entries()) {
    const found = look(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
