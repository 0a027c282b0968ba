import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LayerEntry } from "../../rootfs/layer.ts";
import { INFO_NAME, MAX_INFO_BYTES } from "./format.ts";
import { leadsOut } from "./tree.ts";

/** An entry of a bundle that may be made: its path is relative, without `.` and `..`, and leads through folders only. */
export type SafeEntry = { readonly path: ByteString; readonly mode: number } & (
  | Pick<Extract<LayerEntry, { type: "file" }>, "type" | "size" | "content">
  | { readonly type: "dir" }
  | { readonly type: "symlink" | "hardlink"; readonly target: ByteString }
);

type Kind = "file" | "dir" | "symlink";

/**
 * Looks at the entries of a bundle in their order. Whoever made it may be anybody: it says nothing of what is outside of
 * its own folder, nor has it another way to be unpacked than the one that is written here.
 */
export class BundleCheck {
  readonly #kinds = new Map<string, Kind>();

  /** Undefined for the top itself. Throws a `source` error for what has no place in a bundle. */
  take(entry: LayerEntry): SafeEntry | undefined {
    const path = this.#pathOf(entry.path);
    if (path === "") return undefined;
    this.#makeFolders(path);
    const common = { path, mode: entry.metadata.mode };
    switch (entry.type) {
      case "dir":
        if (this.#kinds.get(path) !== "dir") this.#put(path, "dir");
        return { ...common, type: "dir" };
      case "file":
        if (path === INFO_NAME && entry.size > MAX_INFO_BYTES) throw refused(path, "is too long");
        this.#put(path, "file");
        return { ...common, type: "file", size: entry.size, content: entry.content };
      case "symlink":
        if (leadsOut(path, entry.target))
          throw refused(path, `is a symlink that leads out, to ${fromByteString(entry.target)}`);
        this.#put(path, "symlink");
        return { ...common, type: "symlink", target: entry.target };
      case "hardlink": {
        const target = this.#pathOf(entry.target);
        if (this.#kinds.get(target) !== "file") throw refused(path, "is a hard link to no file of the bundle");
        this.#put(path, "file");
        return { ...common, type: "hardlink", target };
      }
      default:
        throw refused(path, `is a ${entry.type}`);
    }
  }

  /** A symlink that the bundle's own description asks for: of the guest's, so that it may lead anywhere. */
  takeLink(place: string): ByteString {
    const path = this.#pathOf(place as ByteString);
    if (path === "") throw refused(path, "is a symlink at the top");
    this.#makeFolders(path);
    this.#put(path, "symlink");
    return path;
  }

  #put(path: ByteString, kind: Kind): void {
    if (this.#kinds.has(path)) throw refused(path, "is there twice");
    this.#kinds.set(path, kind);
  }

  #makeFolders(path: ByteString): void {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const folder = path.slice(0, at);
      const kind = this.#kinds.get(folder);
      if (kind !== undefined && kind !== "dir") throw refused(path, `is below a ${kind}`);
      this.#kinds.set(folder, "dir");
    }
  }

  #pathOf(raw: ByteString): ByteString {
    if (raw.startsWith("/")) throw refused(raw, "is an absolute path");
    if (raw.includes("\0")) throw refused(raw, "is no path");
    const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw refused(raw, "leads out by ..");
    return parts.join("/") as ByteString;
  }
}

function refused(path: string, what: string): FledgeError {
  return new FledgeError(
    "source",
    `the bundle is refused: ${fromByteString(path as ByteString) || "its top"} ${what}`,
    {
      hint: "fledge build --remote packs bundles; by hand, put only the project's files and folders into the tar",
    },
  );
}
