import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { getSystemErrorMap } from "node:util";
import { errnoOf, FledgeError, isFledgeError, messageOf, type Problem } from "../errors.ts";

export type IoAction = "read" | "write" | "create" | "remove" | "copy";

export type IoErrorOptions = {
  /** What to do when it is not there. */
  readonly ifAbsent?: string;
};

/**
 * An error that says what could not be done to `path`, why, and what to do next; errors of fledge's own pass. What an
 * errno means is said here and nowhere else.
 */
export function ioError(
  error: unknown,
  action: IoAction,
  path: string | Uint8Array,
  { ifAbsent }: IoErrorOptions = {},
): FledgeError {
  if (isFledgeError(error)) return error;
  const name = typeof path === "string" ? path : Buffer.from(path).toString();
  const { reason, hint } = explain(error, { path: name, action, ifAbsent });
  return new FledgeError("io", `cannot ${action} ${name}: ${reason}`, { hint, cause: error });
}

/** Why the operating system refused something, in a few words and without a path. */
export function reasonOf(error: unknown): string {
  return explain(error, { path: "", action: "write" }).reason;
}

/** An error of the operating system about a path, wherever it was thrown; undefined for any other. */
export function systemError(error: unknown): FledgeError | undefined {
  const { syscall, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (syscall === undefined || typeof path !== "string") return undefined;
  const isWriting = /^(?:write|rename|link|symlink|copyfile|ftruncate|chmod|utime|fsync)$/.test(syscall);
  const isRemoving = /^(?:unlink|rmdir|rm)$/.test(syscall);
  const action = isWriting ? "write" : isRemoving ? "remove" : syscall === "mkdir" ? "create" : "read";
  return ioError(error, action, path);
}

/** The same failure by another path: what was written under a temporary name is known to people by its final one. */
export function renamedIn(error: unknown, from: string, to: string): unknown {
  if (!isFledgeError(error)) return error;
  const named = (text: string): string => text.replaceAll(from, to);
  const { code, message, hint, problems, output, cause } = error;
  if (![message, hint, output, ...problems.map((one) => one.message)].some((text) => text?.includes(from)))
    return error;
  return new FledgeError(code, named(message), {
    hint: hint && named(hint),
    problems: problems.map((one): Problem => ({ ...one, message: named(one.message) })),
    output: output && named(output),
    cause,
  });
}

type Circumstances = {
  readonly path: string;
  readonly action: IoAction;
  readonly ifAbsent?: string | undefined;
};

function explain(
  error: unknown,
  { path, action, ifAbsent }: Circumstances,
): { reason: string; hint?: string | undefined } {
  const folder = dirname(path);
  const isReading = action === "read" || action === "copy";
  switch (errnoOf(error)) {
    case "ENOSPC":
      return { reason: "the disk is full", hint: `free some space in ${folder}, or write elsewhere with -o` };
    case "EDQUOT":
      return { reason: "the disk quota is used up", hint: `free some space, or write elsewhere with -o` };
    case "EFBIG":
      return {
        reason: "it is larger than a limit or the file system allows",
        hint: `check ulimit -f and what ${folder} is on, or write elsewhere with -o`,
      };
    case "EACCES":
    case "EPERM":
      return { reason: "permission denied", hint: `check who owns ${isReading ? path : folder} and its mode (ls -ld)` };
    case "EROFS":
      return { reason: "the file system is read-only", hint: `choose a writable folder with -o` };
    case "ENOENT":
      return {
        reason: "no such file or folder",
        hint: ifAbsent ?? `check that ${folder} exists and the name is right`,
      };
    case "ENOTDIR":
      return explainFile(fileAbove(path), folder);
    case "EISDIR":
      return { reason: "it is a folder, not a file", hint: "give the path of a file" };
    case "ENOTEMPTY":
    case "EEXIST":
      return {
        reason: errnoOf(error) === "EEXIST" ? "it is there already" : "it is a folder with something in it",
        hint: `remove it, or choose another name with -o`,
      };
    case "ENAMETOOLONG":
      return {
        reason: "the name is too long",
        hint: "a file name has at most 255 bytes; choose a shorter one",
      };
    case "ELOOP":
      return { reason: "too many symlinks lead to it", hint: `look for a loop of them: namei -l ${path}` };
    case "EMFILE":
    case "ENFILE":
      return {
        reason: "too many files are open",
        hint: "raise the limit (ulimit -n), or build fewer at once (--jobs 1)",
      };
    case "EXDEV":
      return { reason: "it would have to be moved to another file system", hint: `check what is mounted in ${folder}` };
    case "ETXTBSY":
      return { reason: "it is a program that is running", hint: `end it (fuser ${path})` };
    case "EBUSY":
      return { reason: "it is in use", hint: `find out what uses it (fuser -v ${path}), and end that` };
    case "ENXIO":
    case "ENODEV":
      return { reason: "nothing is behind this device, FIFO or socket", hint: "name a file" };
    case "EIO":
      return { reason: "the disk reports an error", hint: "look at the kernel's log (dmesg): the disk may be failing" };
    default:
      return { reason: describe(error) };
  }
}

function explainFile(file: string | undefined, folder: string): { reason: string; hint: string } {
  if (file === undefined) return { reason: "a part of the path is not a folder", hint: `check each part of ${folder}` };
  return { reason: `${file} is a file, not a folder`, hint: "remove or rename it, or choose another path" };
}

/** The part of a path that is no folder although something is to be in it. */
function fileAbove(path: string): string | undefined {
  for (let part = dirname(path); part !== dirname(part); part = dirname(part)) {
    if (existsSync(part)) return statSync(part).isDirectory() ? undefined : part;
  }
  return undefined;
}

/** Node's own message has the path in it, which may be a temporary one. */
function describe(error: unknown): string {
  const { errno, code } = (error ?? {}) as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known === undefined ? messageOf(error) : `${known[1]} (${code})`;
}
