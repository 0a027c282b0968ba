import type { BuildSize } from "../contract/result.ts";
import { compareBytes } from "../lib/bytes.ts";
import { allocatedBytes } from "../rootfs/allocated.ts";
import type { Origin } from "../rootfs/origin.ts";
import type { SealedTree } from "../rootfs/seal.ts";

/** What a tree takes, and from whom that is. */
export function measureTree(
  { inodes }: SealedTree,
  table: readonly Origin[],
): Pick<BuildSize, "usedBytes" | "inodes" | "origins"> {
  const names = table.map(originName);
  const sums = new Map<string, number>();
  let usedBytes = 0;
  for (const { node } of inodes) {
    const bytes = allocatedBytes(node);
    const name = (node.origin === undefined ? undefined : names[node.origin]) ?? "others";
    usedBytes += bytes;
    if (bytes > 0) sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  const sorted = [...sums].sort(([a], [b]) => compareBytes(a, b));
  return { usedBytes, inodes: inodes.length, origins: Object.fromEntries(sorted) };
}

/** What an origin is called from build to build: a layer by its place, since each update of an image gives it another digest. */
export function originName({ kind, label }: Origin): string {
  if (kind === "layer") return label.split(":")[0] ?? label;
  if (kind === "source") return kind;
  if (kind === "mapping") return `mapping ${label.replace(/^mappings(?:\.|\["(.*)"\]$)/, "$1")}`;
  if (kind === "hook" || label.startsWith("stage ")) return label;
  return kind === label ? label : `${kind} ${label}`;
}
