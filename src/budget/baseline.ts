import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildSize } from "../contract/result.ts";
import { compareBytes } from "../lib/bytes.ts";
import { errnoOf, FledgeError, messageOf } from "../lib/errors.ts";
import { fileBehind, writeFileAtomically } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { isPlainObject } from "../lib/json.ts";
import { formatPlatform } from "../lib/platform.ts";

const BASELINE_NAME = "fledge.budget.json";
const VERSION = 1;

type Baselines = Readonly<Record<string, BuildSize>>;

/** Where the baseline of a plugin is, or is to be: beside its config. */
export function baselineFileOf({ baseDir }: Pick<ResolvedPlugin, "baseDir">): string {
  return join(baseDir, BASELINE_NAME);
}

/** What was recorded of a plugin for its platform. Throws a `config` error for a file that is none. */
export async function readBaseline(plugin: ResolvedPlugin): Promise<BuildSize | undefined> {
  return (await readAll(baselineFileOf(plugin)))[keyOf(plugin)];
}

/** Writes down what a plugin is now; what the file says of others stays. Returns the file. */
export async function writeBaseline(plugin: ResolvedPlugin, size: BuildSize): Promise<string> {
  const file = baselineFileOf(plugin);
  const text = formatBaselines({ ...(await readAll(file)), [keyOf(plugin)]: size });
  if ((await readFile(file, "utf8").catch(() => undefined)) !== text)
    await writeFileAtomically(await fileBehind(file), text);
  return file;
}

/** JSON with sorted keys and a line for each number, so that a merge meets only what both have changed. */
function formatBaselines(baselines: Baselines): string {
  const sorted = Object.entries(baselines).sort(([a], [b]) => compareBytes(a, b));
  return `${JSON.stringify({ version: VERSION, plugins: Object.fromEntries(sorted) }, null, 2)}\n`;
}

async function readAll(file: string): Promise<Baselines> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw ioError(error, "read", file);
  });
  if (text === undefined) return {};
  const { version, plugins } = parsed(text, file);
  if (typeof version === "number" && version > VERSION) {
    throw new FledgeError("config", `${file} is of a newer fledge: its version is ${version}`, {
      hint: "update fledge",
    });
  }
  if (version !== VERSION || !isPlainObject(plugins)) throw noBaseline(file, "it has no version, or no plugins");
  for (const [key, size] of Object.entries(plugins)) if (!isSize(size)) throw noBaseline(file, `"${key}" is no size`);
  return plugins as Baselines;
}

function parsed(text: string, file: string): { readonly version?: unknown; readonly plugins?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch (error) {
    throw noBaseline(file, messageOf(error));
  }
}

function isSize(value: unknown): value is BuildSize {
  const { imageBytes, commandLineBytes = 0, usedBytes, inodes, origins } = Object(value) as Partial<BuildSize>;
  if (!isPlainObject(origins)) return false;
  const numbers = [imageBytes, commandLineBytes, usedBytes, inodes, ...Object.values(origins)];
  return numbers.every((number) => Number.isSafeInteger(number) && Number(number) >= 0);
}

function noBaseline(file: string, why: string): FledgeError {
  return new FledgeError("config", `${file} is not a baseline: ${why}`, {
    hint: "take it from version control again, or remove it and run fledge budget --record",
  });
}

function keyOf({ name, platform }: ResolvedPlugin): string {
  return `${name} ${formatPlatform(platform)}`;
}
