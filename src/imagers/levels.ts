import { FledgeError } from "../lib/errors.ts";

/** The levels of one codec, and the one taken where none is given. */
export type Levels = { readonly min: number; readonly max: number; readonly usual: number };

/** Of each codec of a format; undefined for those that have none. */
export type LevelTable = Readonly<Record<string, Levels | undefined>>;

/** The level to compress with. Throws a `config` error, for the option `key`, for one that the codec has not. */
export function levelOf(codec: string, level: number | undefined, table: LevelTable, key: string): number | undefined {
  const levels = table[codec];
  if (level === undefined) return levels?.usual;
  if (levels !== undefined && level >= levels.min && level <= levels.max) return level;
  const what = levels === undefined ? "has no levels" : `has the levels ${levels.min} to ${levels.max}`;
  throw new FledgeError("config", `${key}: ${level} is no level of ${codec}, which ${what}`, {
    hint: levels === undefined ? `leave out ${key}` : `leave it out for ${levels.usual}`,
  });
}

/** The table for people: `zstd 1-19 (default 9), ...; xz has none`. */
export function describeLevels(table: LevelTable): string {
  const has = Object.entries(table).flatMap(([codec, levels]) =>
    levels === undefined ? [] : `${codec} ${levels.min}-${levels.max} (default ${levels.usual})`,
  );
  const none = Object.keys(table).filter((codec) => table[codec] === undefined);
  return `${has.join(", ")}${none.length === 0 ? "" : `; ${none.join(" and ")} ${none.length > 1 ? "have" : "has"} none`}`;
}

/** The widest range of the table, which is what a schema can say before the codec is known. */
export function rangeOf(table: LevelTable): { readonly min: number; readonly max: number } {
  const all = Object.values(table).filter((levels) => levels !== undefined);
  return { min: Math.min(...all.map(({ min }) => min)), max: Math.max(...all.map(({ max }) => max)) };
}
