import { type ByteString, compareBytes, toByteString, toText } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import { parsePattern } from "../lib/pattern.ts";
import type { DirInode, Inode } from "./node.ts";

/** Absolute paths below `root` that match, sorted by raw bytes. Only the folders the pattern can reach are visited. */
export function globTree(root: DirInode, pattern: string): string[] {
  if (!pattern.startsWith("/")) {
    throw new FledgeError("rootfs", `glob "${pattern}" is not absolute`, {
      hint: `write "/${pattern}" or "/**/${pattern}"`,
    });
  }
  const parsed = parsePattern(toByteString(pattern));
  // The part before the first special character narrows the walk: "/etc/nginx/*.conf" never looks outside /etc/nginx.
  const base = parsed.base.split("/").filter(Boolean);

  const found: ByteString[] = [];
  const stack: { path: ByteString; node: Inode; depth: number }[] = [{ path: "" as ByteString, node: root, depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { path, node, depth } = top;
    if (path !== "" && parsed.matches(path)) found.push(path);
    if (node.type !== "dir") continue;
    const only = base[depth];
    for (const [name, child] of node.children) {
      if (only === undefined || only === name) {
        stack.push({ path: `${path}/${name}` as ByteString, node: child, depth: depth + 1 });
      }
    }
  }
  return found.sort(compareBytes).map(toText);
}
