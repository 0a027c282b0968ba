import { stripVTControlCharacters } from "node:util";
import { colors } from "consola/utils";
import { escapeCharacters } from "../lib/escape.ts";

/**
 * Text that may go to a terminal. Nothing else is written there: names and texts of images, registries, files and configs
 * become a part of it by `line`, which shows their control characters instead of sending them.
 */
export class Shown {
  readonly text: string;

  constructor(literal: string) {
    this.text = literal;
  }

  /** How many columns it takes. */
  get width(): number {
    return stripVTControlCharacters(this.text).length;
  }

  padEnd(width: number): Shown {
    return new Shown(this.text + " ".repeat(Math.max(0, width - this.width)));
  }

  /** A line break of the data's own as `\n`: for where one line must stay one. */
  get oneLine(): Shown {
    return new Shown(this.text.replaceAll("\n", "\\n"));
  }
}

/** A template tag: what is written in it is taken as it is, what is filled in is shown. */
export function line(parts: TemplateStringsArray, ...values: readonly (Shown | string | number)[]): Shown {
  return new Shown(parts.map((part, i) => part + (i < values.length ? textOf(values[i] ?? "") : "")).join(""));
}

/** Text from elsewhere, as it may be shown. */
export function shown(text: string): Shown {
  return line`${text}`;
}

type Tag = typeof line;

const painted = (paint: (text: string) => string): Tag => {
  return (parts, ...values) => new Shown(paint(line(parts, ...values).text));
};

/** Tags as `line`, in a colour where the terminal has some. */
export const bold: Tag = painted(colors.bold);
export const cyan: Tag = painted(colors.cyan);
export const gray: Tag = painted(colors.gray);
export const green: Tag = painted(colors.green);
export const red: Tag = painted(colors.red);
export const yellow: Tag = painted(colors.yellow);

/** Lines on stdout: results. */
export function print(lines: readonly Shown[]): void {
  process.stdout.write(asLines(lines));
}

/** Lines on stderr: progress, warnings and errors. */
export function say(lines: readonly Shown[]): void {
  process.stderr.write(asLines(lines));
}

/** JSON on stdout, where it is read by programs: its strings are as they are. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${JSON.stringify(value, undefined, indent)}\n`);
}

/** A page of fledge's own with its colours, for whom they are meant. */
export function printPage(stream: NodeJS.WriteStream, page: string): void {
  stream.write(stream.isTTY ? page : stripVTControlCharacters(page));
}

/** What a line of another's goes on with after a line break, so that it passes for none of fledge's. */
const CONTINUED = "\n    | ";

function asLines(lines: readonly Shown[]): string {
  return lines.map(({ text }) => `${text.replaceAll("\n", CONTINUED)}\n`).join("");
}

// C0 but tab and line feed, DEL, C1 (ECMA-48); line and paragraph separator; what reorders text (UAX #9).
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function textOf(value: Shown | string | number): string {
  if (value instanceof Shown) return value.text;
  return escapeCharacters(String(value).replaceAll("\r\n", "\n"), UNSAFE);
}
