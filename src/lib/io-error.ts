import { dirname } from "node:path";
import { errnoOf, FledgeError, isFledgeError, messageOf } from "./errors.ts";

export type IoAction = "read" | "write" | "create" | "remove";

/** An `io` error that says what could not be done to `path`, why, and what to do next; errors of fledge's own pass. */
export function ioError(error: unknown, action: IoAction, path: string): FledgeError {
  if (isFledgeError(error)) return error;
  const { reason, hint } = explain(errnoOf(error), path) ?? { reason: messageOf(error), hint: undefined };
  return new FledgeError("io", `cannot ${action} ${path}: ${reason}`, { hint, cause: error });
}

function explain(errno: string | undefined, path: string): { reason: string; hint: string | undefined } | undefined {
  switch (errno) {
    case "ENOSPC":
      return { reason: "the disk is full", hint: `free some space in ${dirname(path)}, or write elsewhere with -o` };
    case "EDQUOT":
      return { reason: "the disk quota is used up", hint: "free some space, or write elsewhere with -o" };
    case "EACCES":
    case "EPERM":
      return { reason: "permission denied", hint: `check who owns ${dirname(path)} and its mode (ls -ld)` };
    case "EROFS":
      return { reason: "the file system is read-only", hint: "choose a writable folder with -o" };
    case "ENOENT":
      return { reason: "no such file or folder", hint: `check that ${dirname(path)} exists and the name is right` };
    case "ENOTDIR":
      return { reason: "a part of the path is not a folder", hint: `check each part of ${dirname(path)}` };
    case "EISDIR":
      return { reason: "it is a folder, not a file", hint: "give the path of a file" };
    case "ENOTEMPTY":
      return { reason: "it is a folder with something in it", hint: "remove it, or choose another name with -o" };
    case "ENAMETOOLONG":
      return { reason: "the name is too long", hint: "a file name has at most 255 bytes; choose a shorter one" };
    default:
      return undefined;
  }
}
