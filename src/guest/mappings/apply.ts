import { existsSync } from "node:fs";
import { posix } from "node:path";
import type { Warning } from "../../lib/context.ts";
import { FledgeError, type Problem } from "../../lib/errors.ts";
import type { HostEntry } from "../../rootfs/host.ts";
import { copyIntoTree, type OwnershipRule } from "../../rootfs/host.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { mountPointOf } from "../mount-points.ts";
import type { ResolvedMapping } from "./options.ts";

/** The guest path of each file that was mapped, with the config's key of the mapping that put it there last. */
export type MappedFiles = ReadonlyMap<string, string>;

export type MappingOptions = {
  /** What of the host is left out. */
  readonly omits?: (hostPath: string) => boolean;
  /** Told of each before it is copied. */
  readonly onMapping?: (mapping: ResolvedMapping) => void;
};

/**
 * Copies what the config maps into the tree, in the order given, but what `omits` says of a path on the host. Throws a
 * `config` error for a source that is missing.
 */
export function applyMappings(
  rootfs: RootfsTree,
  mappings: readonly ResolvedMapping[],
  { omits, onMapping }: MappingOptions = {},
): MappedFiles {
  assertMapped(mappings);
  const files = new Map<string, string>();
  for (const mapping of mappings) {
    onMapping?.(mapping);
    const { mode, uid, gid } = mapping;
    const owner = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
    const rule: OwnershipRule = (path, entry) => {
      if (!entry.isDir) files.set(path, mapping.key);
      return { ...owner, mode: mode !== undefined && !entry.isDir ? mode : modeByPlace(path, entry) };
    };
    copyIntoTree(rootfs, mapping.from, mapping.to, rule, omits);
  }
  return files;
}

/** Throws one `config` error for all mappings whose source is missing. */
export function assertMapped(mappings: readonly ResolvedMapping[]): void {
  const problems = mappings.filter(({ from }) => !existsSync(from)).map(missing);
  const [first] = problems;
  if (first === undefined) return;
  if (problems.length === 1) throw new FledgeError("config", first.message, first);
  throw new FledgeError("config", `${problems.length} of the mapped paths do not exist`, { problems });
}

function missing({ from, key }: ResolvedMapping): Problem {
  const hint = /[*?]/.test(from)
    ? "a mapping takes a file, or a folder with all that is in it; it knows no patterns"
    : "paths on the left of a mapping are relative to the folder of the config that holds it";
  return { message: `${key}: ${from} does not exist`, hint };
}

/**
 * The mode of a mapped file, by where the Filesystem Hierarchy Standard puts it: programs in a bin or sbin folder and
 * shared libraries in a lib folder are 0755 whatever the host says; elsewhere an executable stays one.
 */
export function modeByPlace(guestPath: string, { isDir, isExecutable }: HostEntry): number {
  if (isDir || isExecutable) return 0o755;
  const folders = guestPath.split("/").slice(0, -1);
  const name = guestPath.slice(guestPath.lastIndexOf("/") + 1);
  if (folders.some((folder) => folder === "bin" || folder === "sbin")) return 0o755;
  const isLibrary = /\.so(\.[0-9.]+)?$/.test(name);
  if (isLibrary && folders.some((folder) => /^lib(32|64|x32|exec)?$/.test(folder))) return 0o755;
  return 0o644;
}

/** A warning for each mapping that the guest will never see, because `who` mounts a filesystem over it. */
export function hiddenMappings(mappings: readonly ResolvedMapping[], who: "init" | "agent"): Warning[] {
  return mappings.flatMap(({ to, key }) => {
    const mountPoint = mountPointOf(posix.join(to, "."));
    if (mountPoint === undefined) return [];
    const message = `${key}: the guest will not see ${to}, since the ${who} mounts a filesystem on ${mountPoint}`;
    return [{ message, hint: "map it elsewhere, and link or copy it at boot" }];
  });
}
