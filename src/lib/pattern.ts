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
  // Two of them say what one does, and each more multiplies the ways in which a path can be tried against them.
  const plain = pattern.replace(/(?<=^|\/)(?:\*\*\/){2,}/g, "**/");
  const { base, glob, isGlob } = picomatch.scan(plain);
  return { text: pattern, isGlob, base, rest: glob, matches: picomatch(plain, { dot: true, strictSlashes: true }) };
}
