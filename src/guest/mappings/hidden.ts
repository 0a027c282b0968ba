import type { Warning } from "../../lib/context.ts";
import type { ResolvedMapping } from "./options.ts";

/** Where the init mounts a filesystem, which hides what the archive has there (templates/init/init.sh). */
const MOUNT_POINTS = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/** A warning for each mapping that the guest will never see, because the init mounts over it. */
export function hiddenMappings(mappings: readonly ResolvedMapping[]): Warning[] {
  return mappings.flatMap(({ to, key }) => {
    const mountPoint = MOUNT_POINTS.find((folder) => to.startsWith(`${folder}/`));
    if (mountPoint === undefined) return [];
    const message = `${key}: the guest will not see ${to}, since the init mounts a filesystem on ${mountPoint}`;
    return [{ message, hint: "map it elsewhere, and link or copy it at boot" }];
  });
}
