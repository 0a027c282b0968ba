import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { errnoOf, FledgeError } from "../../lib/errors.ts";
import { configError, explain, type Path } from "../explain.ts";
import type { LayerInput } from "../schema.ts";
import { tomlComments } from "./comments.ts";
import { type Converted, fromFledgeToml, fromManifestToml, placeOfFledgeKey, placeOfManifestKey } from "./convert.ts";
import { locateFindings } from "./position.ts";
import { fledgeTomlSchema, manifestTomlSchema } from "./schema.ts";

/** What a TOML file comes to as a config, with its comments. */
export type Translated = Converted & { readonly comments: readonly PlacedComment[] };

/** The path leads to the config's key, still in snake_case; there is none when a config has no such key. */
export type PlacedComment = { readonly path: Path | undefined; readonly text: string };

/** Like `readFledgeToml`, with the comments. */
export async function translateFledgeToml(file: string): Promise<Translated> {
  return translate(file, await readFledgeToml(file), placeOfFledgeKey);
}

/** Like `readManifestToml`, with the comments. */
export async function translateManifestToml(file: string): Promise<Translated> {
  return translate(file, await readManifestToml(file), placeOfManifestKey);
}

/** fledge.toml as a config. Throws one `config` error with every problem, each with line and column. */
export async function readFledgeToml(file: string): Promise<Converted> {
  return read(file, fledgeTomlSchema, fromFledgeToml);
}

/** manifest.toml as a config. Throws like `readFledgeToml`. */
export async function readManifestToml(file: string): Promise<Converted> {
  return read(file, manifestTomlSchema, fromManifestToml);
}

type Table = Record<string, unknown>;

async function translate(
  file: string,
  converted: Converted,
  placeOf: (path: Path, values: LayerInput) => Path | undefined,
): Promise<Translated> {
  const comments = await tomlComments(await textOf(file), file);
  return {
    ...converted,
    comments: comments.map(({ path, text }) => ({ path: placeOf(path, converted.values), text })),
  };
}

async function read(file: string, schema: z.ZodType, convert: (table: Table) => Converted): Promise<Converted> {
  const text = await textOf(file);
  const table = parseToml(text, file);
  const findings = explain(schema, table, "table");
  if (findings.length > 0) throw configError(await locateFindings(text, file, findings));
  const converted = convert(table);
  if (converted.findings.length > 0) throw configError(await locateFindings(text, file, converted.findings));
  return converted;
}

/** The text without a byte order mark. Throws a `config` error for what is not UTF-8, as TOML has to be. */
async function textOf(file: string): Promise<string> {
  const bytes = await bytesOf(file);
  if (isUtf8(bytes) && !bytes.subarray(0, 2).includes(0)) return bytes.toString("utf8").replace(/^\ufeff/, "");
  // Either with its mark, or a plain character of two bytes.
  const isUtf16 = ["fffe", "feff"].includes(bytes.toString("hex", 0, 2)) || bytes.subarray(0, 2).includes(0);
  const encoding = isUtf16 ? "UTF-16" : "LATIN1";
  const hint = `iconv -f ${encoding} -t UTF-8 converts it`;
  if (isUtf16) throw configError([{ message: "is UTF-16, and TOML is UTF-8", file, hint }]);
  throw configError([
    { message: "is not UTF-8, as TOML is", file, ...placeOfBroken(bytes), hint: `${hint}, if that is what it is` },
  ]);
}

/** Where the first bytes are that are no UTF-8. */
function placeOfBroken(bytes: Buffer): { line: number; column: number } {
  // U+FFFD may also have been written as itself.
  const text = bytes.toString("utf8");
  const whole = [...text.matchAll(/\ufffd/g)].map(({ index }) => text.slice(0, index));
  const before = whole.find(
    (start) => !bytes.subarray(Buffer.byteLength(start)).toString("latin1").startsWith("\xef\xbf\xbd"),
  );
  const lines = (before ?? text).split("\n");
  return { line: lines.length, column: [...(lines.at(-1) ?? "")].length + 1 };
}

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "does not exist" : "cannot be read";
    throw new FledgeError("config", `${file} ${reason}`, { cause });
  }
}

function parseToml(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = (cause.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
    throw configError([{ message: `not valid TOML: ${reason}`, file, line: cause.line, column: cause.column }], cause);
  }
}
