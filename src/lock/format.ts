import type { LockEntry, Locks } from "../contract/lock.ts";
import { digestFrom } from "../lib/digest.ts";
import { FledgeError, messageOf, type Problem } from "../lib/errors.ts";
import { isPlainObject } from "../lib/json.ts";
import { fledgeVersion } from "../lib/version.ts";

const LOCKFILE_VERSION = 1;

/** JSON with sorted keys, so that it says the same in the same order, and each entry is lines of its own to a merge. */
export function formatLock(entries: Locks): string {
  const sorted = [...entries]
    .sort(byKey)
    .map(([key, entry]) => [key, Object.fromEntries(Object.entries(entry).sort(byKey))]);
  const document = { lockfileVersion: LOCKFILE_VERSION, fledge: fledgeVersion(), entries: Object.fromEntries(sorted) };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Throws a `config` error for what is not a lock of this version, naming every entry that is none. */
export function parseLock(text: string, path: string): Locks {
  if (/^(?:<{7} |={7}$|>{7} )/m.test(text)) {
    throw new FledgeError("config", `${path} has a merge conflict in it`, {
      hint: "keep the entries of both sides, of one that is there twice either; fledge lock then drops what is not used",
    });
  }
  const { lockfileVersion, fledge, entries } = objectOf(text, path);
  if (typeof lockfileVersion === "number" && lockfileVersion > LOCKFILE_VERSION) {
    const by = typeof fledge === "string" ? `, ${fledge}` : "";
    throw new FledgeError("config", `${path} is of a newer fledge${by}: its version is ${lockfileVersion}`, {
      hint: `this is fledge ${fledgeVersion()}, which reads version ${LOCKFILE_VERSION}: update it`,
    });
  }
  if (lockfileVersion !== LOCKFILE_VERSION || !isPlainObject(entries))
    throw notALock(path, "it has no version or no entries");
  const problems = Object.entries(entries).flatMap(([key, entry]): Problem[] => {
    const why = objectionTo(entry) ?? (isTwice(text, key) ? "is there twice" : undefined);
    return why === undefined ? [] : [{ message: `"${key}" ${why}`, file: path }];
  });
  if (problems.length > 0) throw notALock(path, "some of its entries are none", { problems });
  return new Map(Object.entries(entries as Record<string, LockEntry>));
}

function objectOf(text: string, path: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw notALock(path, `it is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isPlainObject(document)) throw notALock(path, "it is not an object");
  return document;
}

function objectionTo(entry: unknown): string | undefined {
  if (!isPlainObject(entry)) return "is not an object";
  if (digestFrom(entry.digest) === undefined) return "has no digest, sha256: and 64 hex digits";
  const odd = Object.entries(entry).find(([, value]) => typeof value !== "string");
  return odd === undefined ? undefined : `has a ${odd[0]} that is not a text`;
}

/** JSON.parse would take the last of two. */
function isTwice(text: string, key: string): boolean {
  const name = JSON.stringify(key).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return [...text.matchAll(new RegExp(`${name}\\s*:`, "g"))].length > 1;
}

function notALock(path: string, why: string, more: { problems?: Problem[]; cause?: unknown } = {}): FledgeError {
  return new FledgeError("config", `${path} is not a lock: ${why}`, {
    ...more,
    hint: "take it from version control again; without it fledge lock writes a new one, of what is there today",
  });
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
