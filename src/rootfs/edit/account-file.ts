import { FledgeError } from "../../lib/errors.ts";
import type { Ownership } from "../stat.ts";
import type { RootfsTree } from "../tree.ts";

/** The lines of /etc/passwd, /etc/group or their shadows, as lists of fields. */
export type Records = string[][];

/** The records of an account file; none where it is not there. Comments and blank lines are kept as single fields. */
export function readRecords(rootfs: RootfsTree, path: string): Records {
  if (!rootfs.exists(path)) return [];
  const lines = rootfs.readFile(path).toString("latin1").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.split(":"));
}

/** Writes it back, byte for byte where nothing was changed; a file that is there keeps its owner and mode. */
export function writeRecords(rootfs: RootfsTree, path: string, records: Records, created: Ownership): void {
  const text = records.map((fields) => `${fields.join(":")}\n`).join("");
  rootfs.writeFile(path, Buffer.from(text, "latin1"), rootfs.exists(path) ? {} : created);
}

export function findByName(records: Records, name: string): string[] | undefined {
  return records.find(([first]) => first === name);
}

/** The third field of a record, which is an id in both files. */
export function idOf(record: readonly string[]): number {
  return Number.parseInt(record[2] ?? "", 10);
}

/** Names that every tool takes (shadow's rule): what fledge writes must not be refused in the guest. */
export function checkName(name: string, what: "user" | "group"): void {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) return;
  throw new FledgeError("rootfs", `${JSON.stringify(name)} is not a name for a ${what}`, {
    hint: "use up to 32 lower case letters, digits, _ and -, and no digit or - first",
  });
}

export function checkId(id: number | undefined, what: "uid" | "gid"): void {
  // 65535 and 2^32 - 1 are "no id" to system calls of 16 and 32 bits.
  if (id === undefined || (Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1 && id !== 65535)) return;
  throw new FledgeError("rootfs", `${id} is not a ${what}`);
}

/** The lowest id that nobody has: from 100 on for services, from 1000 on for people, as Debian deals them out. */
export function freeId(isSystem: boolean, ...taken: readonly Records[]): number {
  const used = new Set(taken.flatMap((records) => records.map(idOf)));
  let id = isSystem ? 100 : 1000;
  while (used.has(id)) id++;
  return id;
}

/** What an account that is there has other than what was asked for, as an error. */
export function conflict(what: string, differences: readonly string[]): FledgeError {
  return new FledgeError("rootfs", `${what} is there already, with ${differences.join(" and ")}`, {
    hint: "ask for what is there, choose another name, or remove its line first",
  });
}

/** A guest without accounts gets root first: a file that knew others only would leave root without a name. */
export function withRoot(records: Records, root: string): Records {
  return records.length > 0 ? records : [root.split(":")];
}
