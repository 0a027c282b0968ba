import { type ByteString, compareBytes } from "../lib/bytes.ts";
import type { Xattrs } from "./node.ts";
import { isTextAcl } from "./text-acls.ts";

/** What belongs to the machine that built the layer, not to the image. */
const FOREIGN = new Set(["security.selinux", "user.rootlesscontainers", "system.nfs4_acl"]);
const FOREIGN_PREFIXES = ["trusted.overlay.", "user.overlay."];

/** What Linux can store: its namespaces (xattr(7)), and of `system.` the POSIX ACLs. */
const NAMESPACES = ["user.", "trusted.", "security."];
const ACLS = new Set(["system.posix_acl_access", "system.posix_acl_default"]);

/** The xattrs that go into the guest, sorted by name; `onDropped` hears of those that no Linux filesystem can store. */
export function guestXattrs(xattrs: Xattrs, onDropped: (name: ByteString) => void): Xattrs {
  if (xattrs.size === 0) return xattrs;
  const kept: [ByteString, Uint8Array][] = [];
  for (const [name, value] of xattrs) {
    if (isTextAcl(name) || FOREIGN.has(name) || FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    if (ACLS.has(name) || NAMESPACES.some((prefix) => name.startsWith(prefix))) kept.push([name, value]);
    else onDropped(name);
  }
  return new Map(kept.sort(([a], [b]) => compareBytes(a, b)));
}
