import { fileURLToPath } from "node:url";
import { type FledgeError, isFledgeError, messageOf, type Problem } from "../../lib/errors.ts";
import { nearest } from "../../lib/suggest.ts";
import { configError } from "../explain.ts";
import { PACKAGE } from "./own-files.ts";

/** An error that the user's own code threw, or a syntax error in it, as a `config` error that names file and line. */
export function userCodeError(thrown: unknown, file: string): FledgeError {
  if (isFledgeError(thrown)) return thrown;
  return configError([syntaxProblem(thrown) ?? missingModule(thrown, file) ?? runtimeProblem(thrown, file)], thrown);
}

/** esbuild writes `FILE:LINE:COLUMN: ERROR: TEXT`, and counts columns from 0. */
function syntaxProblem(thrown: unknown): Problem | undefined {
  const match = /^(.+):(\d+):(\d+): ERROR: (.+)$/m.exec(messageOf(thrown));
  if (match === null) return undefined;
  const [, file = "", line, column, text = ""] = match;
  return { message: `syntax error: ${text}`, file, line: Number(line), column: Number(column) + 1 };
}

function missingModule(thrown: unknown, file: string): Problem | undefined {
  const match = /^Cannot find (?:module|package) '([^']+)' imported from (\S+)/.exec(messageOf(thrown));
  if (match === null) return undefined;
  const [, missing = "", importer = file] = match;
  const isFile = missing.startsWith("/") || missing.startsWith("file:");
  const hint = isFile ? undefined : (meantOwn(missing) ?? `npm install ${missing}`);
  return { message: `cannot find "${missing}", which it imports`, file: plainPath(importer), ...(hint && { hint }) };
}

/** `fledge` on npm is somebody else's, so a config that imports it is never told to install it. */
function meantOwn(missing: string): string | undefined {
  const isOwn = nearest(missing, [PACKAGE, "fledge"]) !== undefined || missing.startsWith("fledge/");
  return isOwn ? `did you mean "${PACKAGE}"?` : undefined;
}

function runtimeProblem(thrown: unknown, file: string): Problem {
  return { file, ...placeInUserCode(thrown), message: messageOf(thrown) };
}

/** The innermost line of the user's own code that an error went through; undefined when it went through none. */
export function placeInUserCode(thrown: unknown): Required<Pick<Problem, "file" | "line" | "column">> | undefined {
  const frames = thrown instanceof Error ? (thrown.stack ?? "").split("\n") : [];
  for (const frame of frames) {
    const match = /^\s+at (?:.*\()?((?:file:\/\/)?\/[^()]*?)(?:\?[^:()]*)?:(\d+):(\d+)\)?$/.exec(frame);
    if (match === null || !isUserCode(match[1] ?? "")) continue;
    return { file: plainPath(match[1] ?? ""), line: Number(match[2]), column: Number(match[3]) };
  }
  return undefined;
}

const OWN_FOLDER = fileURLToPath(new URL("../..", import.meta.url));

/** Whether a file, or the URL of one, is neither fledge's nor a package's. */
export function isUserCode(frame: string): boolean {
  const path = plainPath(frame);
  return !path.includes("/node_modules/") && !path.startsWith(OWN_FOLDER);
}

/** The path of a module, which may be a URL, and may have the query that tsx gives it. */
export function plainPath(file: string): string {
  const path = file.replace(/[?#].*$/, "");
  return path.startsWith("file:") ? fileURLToPath(path) : path;
}
