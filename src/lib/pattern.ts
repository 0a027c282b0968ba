import picomatch from "picomatch";
import { FledgeError } from "./errors.ts";

/** A glob: `*` and `?` within a name, `**` over folders, `{a,b}`, `[a-z]`; a leading dot is a character like any other. */
export type Pattern = {
  readonly text: string;
  readonly isGlob: boolean;
  /** The folders before the first special character, and what comes after them; a plain path is all base. */
  readonly base: string;
  readonly rest: string;
  matches(text: string): boolean;
};

/** What picomatch makes of a `*`. */
const STAR = "[^/]*?";

/** A star and what has to follow it, letters and `?`, up to the next star. */
const BETWEEN_STARS = /\[\^\/\]\*\?((?:\\\W|[^\\()[\]{}*+?.|^$/]|\[\^\/\](?!\*))+)(?=\[\^\/\]\*\?)/g;

const SETTLED = /\(\?=\(\?<s\d+>\[\^\/\]\*\?/g;

/** What picomatch makes of `[x]`: the class, or the text. */
const CLASS = /\(\?:\\\[[^|]*\|\[[^\]]*\]\)/g;

/** Of those in one name that have to be tried against each other: with each more, a name takes as many times longer as it has letters. */
const MAX_STARS = 4;

/** Throws a `config` error for a pattern that some names would take too long to be tried against. */
export function parsePattern(pattern: string): Pattern {
  // Two of them say what one does, and each more multiplies the ways in which a path can be tried against them.
  const plain = pattern.replace(/(?<=^|\/)(?:\*\*\/){2,}/g, "**/");
  const { base, glob, isGlob } = picomatch.scan(plain);
  const options = { dot: true, strictSlashes: true };
  const matchesGlob = withoutRetries(picomatch.makeRe(plain, options), pattern);
  // A plain path is one even where a glob would mean something else by its characters.
  const matches = (text: string): boolean => text !== "" && (text === plain || matchesGlob.test(text));
  return { text: pattern, isGlob, base, rest: glob, matches };
}

/**
 * The same expression without the retries that no match can come of: where another star follows, the first place that
 * fits is as good as any. A look-ahead that is then repeated is how to say so in JavaScript.
 */
function withoutRetries({ source, flags }: RegExp, pattern: string): RegExp {
  let count = 0;
  const settled = source.replace(BETWEEN_STARS, (_, letters: string) => {
    const name = `s${count++}`;
    return `(?=(?<${name}>${STAR}${letters}))\\k<${name}>`;
  });
  const left = settled
    .replace(SETTLED, "")
    .replace(CLASS, "")
    .split(/\\?\/(?!\])|\|/);
  if (left.some((part) => part.split(STAR).length - 1 > MAX_STARS)) {
    throw new FledgeError("config", `the pattern "${pattern}" has too many "*" in one name`, {
      hint: `write at most ${MAX_STARS} of them where there are also [] or {}, or several patterns`,
    });
  }
  return new RegExp(settled, flags);
}
