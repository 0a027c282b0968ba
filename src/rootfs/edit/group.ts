import { FledgeError } from "../../lib/errors.ts";
import type { RootfsTree } from "../tree.ts";
import {
  checkId,
  checkName,
  conflict,
  findByName,
  freeId,
  idOf,
  type Records,
  readRecords,
  withRoot,
  writeRecords,
} from "./account-file.ts";

export const GROUP = "/etc/group";
export const GSHADOW = "/etc/gshadow";

/** A group as `addGroup` makes it. */
export type GroupOptions = {
  readonly name: string;
  /** The lowest free one of its range unless given. */
  readonly gid?: number;
  /** Deal the id out from 100 on instead of from 1000 on. Default false. */
  readonly system?: boolean;
  /** Users to list as members, on top of those that are. */
  readonly members?: readonly string[];
};

/**
 * Adds a group to /etc/group, and to /etc/gshadow where there is one; returns its gid. A group of that name stays, and gets
 * the members it lacks; it is an error when it has another gid than asked for, or when the gid is another group's.
 */
export function addGroup(rootfs: RootfsTree, { name, gid, system = false, members = [] }: GroupOptions): number {
  checkId(gid, "gid");
  const groups = withRoot(readRecords(rootfs, GROUP), "root:x:0:");
  const known = findByName(groups, name);
  if (known !== undefined && gid !== undefined && idOf(known) !== gid) {
    throw conflict(`group "${name}"`, [`gid ${idOf(known)}, not ${gid}`]);
  }
  const owner = gid === undefined ? undefined : groups.find((record) => idOf(record) === gid);
  if (known === undefined && owner !== undefined) {
    throw new FledgeError("rootfs", `gid ${gid} of group "${name}" is that of group "${owner[0]}"`, {
      hint: "leave gid out, or choose another",
    });
  }
  const record = known ?? [name, "x", String(gid ?? freeId(system, groups)), ""];
  if (known === undefined) {
    checkName(name, "group"); // Those that are there may have names of other times.
    groups.push(record);
  }
  addMembers(record, members);
  writeRecords(rootfs, GROUP, groups, { mode: 0o644 });
  shadow(rootfs, name, members);
  return idOf(record);
}

/** Makes a user a member of groups that are there. Throws a `rootfs` error that lists those that are not. */
export function joinGroups(rootfs: RootfsTree, user: string, names: readonly string[]): void {
  const groups = readRecords(rootfs, GROUP);
  const absent = names.filter((name) => findByName(groups, name) === undefined);
  if (absent.length > 0) {
    throw new FledgeError("rootfs", `user "${user}" is to be in ${absent.join(", ")}, which ${GROUP} does not have`, {
      hint: "make it with addGroup() first",
    });
  }
  for (const name of names) addGroup(rootfs, { name, members: [user] });
}

function shadow(rootfs: RootfsTree, name: string, members: readonly string[]): void {
  if (!rootfs.exists(GSHADOW)) return;
  const records: Records = readRecords(rootfs, GSHADOW);
  const record = findByName(records, name) ?? [name, "!", "", ""];
  if (!records.includes(record)) records.push(record);
  addMembers(record, members);
  writeRecords(rootfs, GSHADOW, records, { mode: 0o640 });
}

/** The fourth field of both files lists members, with commas between. */
function addMembers(record: string[], members: readonly string[]): void {
  const all = new Set([...(record[3] ?? "").split(",").filter(Boolean), ...members]);
  record[3] = [...all].join(",");
}
