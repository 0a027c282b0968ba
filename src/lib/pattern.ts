import picomatch from "picomatch";

/** A glob: `*` and `?` within a name, `**` over folders, `{a,b}`, `[a-z]`; a leading dot is a character like any other. */
export type Pattern = {
  readonly text: string;
  readonly isGlob: boolean;
  /** The folders before the first special character, and what comes after them; a plain path is all base. */
  readonly base: string;
  readonly rest: string;
  matches(text: string): boolean;
};

export function parsePattern(pattern: string): Pattern {
  const { base, glob, isGlob } = picomatch.scan(pattern);
  return { text: pattern, isGlob, base, rest: glob, matches: picomatch(pattern, { dot: true, strictSlashes: true }) };
}
