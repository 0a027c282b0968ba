import { existsSync } from "node:fs";
import { FledgeError } from "../../lib/errors.ts";
import { copyIntoTree } from "../../rootfs/host.ts";
import type { RootfsTree } from "../../rootfs/tree.ts";
import { modeByPlace } from "./fhs.ts";
import type { ResolvedMapping } from "./options.ts";

/** Copies what the config maps into the tree, in the order given. Throws a `config` error for a source that is missing. */
export function applyMappings(rootfs: RootfsTree, mappings: readonly ResolvedMapping[]): void {
  for (const mapping of mappings) {
    if (!existsSync(mapping.from)) throw missing(mapping);
    const { mode, uid, gid } = mapping;
    const owner = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
    copyIntoTree(rootfs, mapping.from, mapping.to, (path, entry) => ({
      ...owner,
      mode: mode !== undefined && !entry.isDir ? mode : modeByPlace(path, entry),
    }));
  }
}

function missing({ from, key }: ResolvedMapping): FledgeError {
  return new FledgeError("config", `${key}: ${from} does not exist`, {
    hint: /[*?]/.test(from)
      ? "a mapping takes a file, or a folder with all that is in it; it knows no patterns"
      : "paths on the left of a mapping are relative to the folder of the config that holds it",
  });
}
