import type { ByteString } from "../../lib/bytes.ts";

/**
 * The names of a path in a layer, seen from its root: `./`, `//` and a leading `/` fall away and `..` takes back the name
 * before it, never above the root. By text, not by what is in the guest, as umoci, containerd and Docker do.
 */
export function namesOf(path: ByteString): ByteString[] {
  const names: ByteString[] = [];
  for (const name of path.split("/") as ByteString[]) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** What the names of whiteouts begin with. */
export const WHITEOUT = ".wh.";
const WHITEOUT_META = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";
const AUFS_LINKS = ".wh..wh.plnk";

/** What a name in a layer stands for (image-spec, layer.md, "Whiteouts"). */
export type Meaning =
  | { readonly kind: "entry" }
  /** Hides `name` in the directory; without a name, all that is in it. */
  | { readonly kind: "whiteout"; readonly name: ByteString | undefined }
  /** A file that AUFS keeps for the hard links to it, which name it by its path. */
  | { readonly kind: "linked"; readonly path: string }
  /** AUFS kept its own files under such names. */
  | { readonly kind: "ignored" }
  | { readonly kind: "invalid" };

/** Whether a path is in the folder where AUFS keeps files that have several names. */
export function isAufsLink(names: readonly ByteString[]): boolean {
  return names.length === 2 && names[0] === AUFS_LINKS;
}

export function meaningOf(names: readonly ByteString[]): Meaning {
  const last = names.at(-1);
  if (last === undefined) return { kind: "entry" };
  if (isAufsLink(names)) return { kind: "linked", path: names.join("/") };
  for (let i = 0; i < names.length - 1; i++) {
    // Something inside a whiteout: nonsense.
    if ((names[i] as ByteString).startsWith(WHITEOUT)) return { kind: "ignored" };
  }
  if (!last.startsWith(WHITEOUT)) return { kind: "entry" };
  if (last === OPAQUE) return { kind: "whiteout", name: undefined };
  if (last.startsWith(WHITEOUT_META)) return { kind: "ignored" };
  const name = last.slice(WHITEOUT.length) as ByteString;
  return name === "" || name === "." || name === ".." ? { kind: "invalid" } : { kind: "whiteout", name };
}
