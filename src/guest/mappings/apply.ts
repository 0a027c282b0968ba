import { existsSync } from "node:fs";
import { FledgeError, type Problem } from "../../lib/errors.ts";
import { copyIntoTree, type OwnershipRule } from "../../rootfs/host.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { modeByPlace } from "./fhs.ts";
import type { ResolvedMapping } from "./options.ts";

/** The guest path of each file that was mapped, with the config's key of the mapping that put it there last. */
export type MappedFiles = ReadonlyMap<string, string>;

/**
 * Copies what the config maps into the tree, in the order given, but what `omits` says of a path on the host. Throws a
 * `config` error for a source that is missing.
 */
export function applyMappings(
  rootfs: RootfsTree,
  mappings: readonly ResolvedMapping[],
  omits?: (hostPath: string) => boolean,
): MappedFiles {
  assertMapped(mappings);
  const files = new Map<string, string>();
  for (const mapping of mappings) {
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
