import { FledgeError } from "../../lib/errors.ts";
import type { RootfsTree } from "../tree.ts";
import {
  checkId,
  checkName,
  conflict,
  findByName,
  freeId,
  idOf,
  readRecords,
  withRoot,
  writeRecords,
} from "./account-file.ts";
import { addGroup, GROUP, joinGroups } from "./group.ts";

const PASSWD = "/etc/passwd";
const SHADOW = "/etc/shadow";

/** A user as `addUser` makes it. */
export type UserOptions = {
  readonly name: string;
  /** The lowest free one of its range unless given. */
  readonly uid?: number;
  /** Of the primary group. The uid where that is free, unless given or the group is there. */
  readonly gid?: number;
  /** Name of the primary group, which is made if need be. Default the user's name. */
  readonly group?: string;
  /** Further groups, which must be there. */
  readonly groups?: readonly string[];
  /** A folder that is made, mode 0755 and the user's, where it is not there; `/nonexistent`, which is not, unless given. */
  readonly home?: string;
  /** The login shell; the guest's nologin, or /bin/false, unless given. */
  readonly shell?: string;
  /** The comment field: a full name. */
  readonly comment?: string;
  /** Deal ids out from 100 on instead of from 1000 on. Default false. */
  readonly system?: boolean;
};

/**
 * Adds a user to /etc/passwd, and to /etc/shadow where there is one, with a group of its own; no password opens the
 * account. Where there are no accounts at all root is added too. A user of that name stays as it is: that is an error when
 * something was asked for that it does not have. So is a uid of another user.
 */
export function addUser(rootfs: RootfsTree, options: UserOptions): { readonly uid: number; readonly gid: number } {
  checkFields(options);
  const { name, groups = [] } = options;
  const known = findByName(readRecords(rootfs, PASSWD), name);
  const ids = known === undefined ? create(rootfs, options) : confirm(rootfs, known, options);
  joinGroups(rootfs, name, groups);
  return ids;
}

function create(rootfs: RootfsTree, options: UserOptions): { uid: number; gid: number } {
  checkName(options.name, "user");
  const { name, system = false, group = name, home, comment = "" } = options;
  const users = withRoot(readRecords(rootfs, PASSWD), `root:${passwordOf(rootfs)}:0:0:root:/root:/bin/sh`);
  const groups = readRecords(rootfs, GROUP);
  const uid = options.uid ?? freeId(system, users, groups);
  const owner = users.find((record) => idOf(record) === uid);
  if (owner !== undefined) {
    throw new FledgeError("rootfs", `uid ${uid} of user "${name}" is that of user "${owner[0]}"`, {
      hint: "leave uid out, or choose another",
    });
  }
  const isGidFree = groups.every((record) => idOf(record) !== uid);
  const wanted = options.gid ?? (findByName(groups, group) === undefined && isGidFree ? uid : undefined);
  const gid = addGroup(rootfs, { name: group, system, ...(wanted !== undefined && { gid: wanted }) });
  const fields = [comment, home ?? "/nonexistent", options.shell ?? nologin(rootfs)];
  users.push([name, passwordOf(rootfs), String(uid), String(gid), ...fields.map(latin1)]);
  writeRecords(rootfs, PASSWD, users, { mode: 0o644 });
  addShadow(rootfs, name);
  if (home !== undefined && !rootfs.exists(home)) rootfs.mkdir(home, { mode: 0o755, uid, gid });
  return { uid, gid };
}

/** That a user who is there is the one who was asked for. */
function confirm(rootfs: RootfsTree, record: readonly string[], options: UserOptions): { uid: number; gid: number } {
  const [uid, gid] = [idOf(record), Number.parseInt(record[3] ?? "", 10)];
  const group = readRecords(rootfs, GROUP).find((candidate) => idOf(candidate) === gid)?.[0];
  const rows: [what: string, has: string | number | undefined, asked: string | number | undefined][] = [
    ["uid", uid, options.uid],
    ["gid", gid, options.gid],
    ["group", group, options.group],
    ["comment", record[4], options.comment && latin1(options.comment)],
    ["home", record[5], options.home && latin1(options.home)],
    ["shell", record[6], options.shell && latin1(options.shell)],
  ];
  const differences = rows.filter(([, has, asked]) => asked !== undefined && has !== asked);
  if (differences.length === 0) return { uid, gid };
  throw conflict(
    `user "${options.name}"`,
    differences.map(([what, has, asked]) => `${what} ${has}, not ${asked}`),
  );
}

function addShadow(rootfs: RootfsTree, name: string): void {
  if (!rootfs.exists(SHADOW)) return;
  const records = readRecords(rootfs, SHADOW);
  if (findByName(records, name) !== undefined) return;
  // "*" is the hash of no password. The day of the last change is left out: it would be the day of the build.
  records.push([name, "*", "", "0", "99999", "7", "", "", ""]);
  writeRecords(rootfs, SHADOW, records, { mode: 0o640 });
}

/** "x" sends to /etc/shadow; without one, "*" is the hash of no password. */
function passwordOf(rootfs: RootfsTree): string {
  return rootfs.exists(SHADOW) ? "x" : "*";
}

function nologin(rootfs: RootfsTree): string {
  return ["/usr/sbin/nologin", "/sbin/nologin"].find((path) => rootfs.exists(path)) ?? "/bin/false";
}

function checkFields({ name, uid, gid, home, shell, comment }: UserOptions): void {
  checkId(uid, "uid");
  checkId(gid, "gid");
  for (const [what, text] of Object.entries({ home, shell, comment })) {
    if (text !== undefined && /[:\n\0]/.test(text)) {
      throw new FledgeError("rootfs", `${what} of user "${name}" holds a colon, a line break or a NUL byte`);
    }
    if (text !== undefined && what !== "comment" && !text.startsWith("/")) {
      throw new FledgeError("rootfs", `${what} of user "${name}" is not an absolute path: "${text}"`);
    }
  }
}

/** Account files are handled as bytes. */
function latin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
