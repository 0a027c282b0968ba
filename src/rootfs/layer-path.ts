import type { ByteString } from "../lib/bytes.ts";

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

/** What a name in a layer stands for (image-spec, layer.md, "Whiteouts"). */
export type Meaning =
  | { readonly kind: "entry" }
  /** Hides `name` in the directory; without a name, all that is in it. */
  | { readonly kind: "whiteout"; readonly name: ByteString | undefined }
  /** AUFS kept its own files under such names. */
  | { readonly kind: "ignored" }
  | { readonly kind: "invalid" };

export function meaningOf(names: readonly ByteString[]): Meaning {
  const last = names.at(-1);
  if (last === undefined) return { kind: "entry" };
  for (let i = 0; i < names.length - 1; i++) {
    // Something inside a whiteout: AUFS's hard link store /.wh..wh.plnk/, or nonsense.
    if ((names[i] as ByteString).startsWith(WHITEOUT)) return { kind: "ignored" };
  }
  if (!last.startsWith(WHITEOUT)) return { kind: "entry" };
  if (last === OPAQUE) return { kind: "whiteout", name: undefined };
  if (last.startsWith(WHITEOUT_META)) return { kind: "ignored" };
  const name = last.slice(WHITEOUT.length) as ByteString;
  return name === "" || name === "." || name === ".." ? { kind: "invalid" } : { kind: "whiteout", name };
}
