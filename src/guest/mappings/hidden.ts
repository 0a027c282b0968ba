import { posix } from "node:path";
import type { Warning } from "../../lib/context.ts";
import { mountPointOf } from "../mount-points.ts";
import type { ResolvedMapping } from "./options.ts";

/** A warning for each mapping that the guest will never see, because `who` mounts a filesystem over it. */
export function hiddenMappings(mappings: readonly ResolvedMapping[], who: "init" | "agent"): Warning[] {
  return mappings.flatMap(({ to, key }) => {
    const mountPoint = mountPointOf(posix.join(to, "."));
    if (mountPoint === undefined) return [];
    const message = `${key}: the guest will not see ${to}, since the ${who} mounts a filesystem on ${mountPoint}`;
    return [{ message, hint: "map it elsewhere, and link or copy it at boot" }];
  });
}
