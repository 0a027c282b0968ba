import type { ImageFacts, ReadImage } from "../imagers/read-image.ts";
import { type ByteString, toByteString } from "../lib/bytes.ts";
import type { Env, RunContext, Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { lookup } from "../rootfs/lookup.ts";
import type { DirInode, Inode } from "../rootfs/node.ts";
import { type SealedTree, sealTree } from "../rootfs/seal.ts";
import type { BuildOrigins } from "../store/builds.ts";

/** What can be looked into: a kind of file or folder, an image of a registry, a plugin that is built in memory. */
export type ImageFormat = "ext4" | "squashfs" | "cpio" | "tar" | "oci" | "folder" | "plugin";

/** What a format does not tell, so that a comparison does not take its absence for a difference. */
export type Loss = "xattrs" | "acls" | "sockets";

/** An image that is open. Its contents are read when they are asked for, until it is closed. */
export type ImageReader = {
  /** As it was named. */
  readonly target: string;
  readonly format: ImageFormat;
  readonly facts: ImageFacts & {
    /** Of the file, holes included. */
    readonly fileBytes?: number;
    /** Of the manifest or archive that it is. */
    readonly digest?: string;
    /** What the image is made for, as its config says. */
    readonly architecture?: string;
    /** Bytes of the plugin's manifest on the guest's kernel command line. */
    readonly commandLineBytes?: number;
  };
  readonly lacks: readonly Loss[];
  /** Who put what there, where that is known: of a plugin, and of an artifact that a build of this cache has made. */
  readonly origins?: BuildOrigins;
  readonly root: DirInode;
  /** Every name, sorted; made when it is first asked for. */
  readonly tree: SealedTree;
  close(): Promise<void>;
};

/** How images are opened. */
export type OpenOptions = {
  readonly signal?: AbortSignal;
  /** Default `process.env`. */
  readonly env?: Env;
  /** Where layers are kept, and what has to be unpacked to be read; default as builds have it. */
  readonly cacheDir?: string;
  /** Of an image that is for several; default this machine's. */
  readonly platform?: string;
  readonly onWarning?: (warning: Warning) => void;
};

/** What the readers of the formats are handed. */
export type OpenContext = RunContext & { readonly platform: string | undefined };

type Opened = Pick<ReadImage, "root" | "close"> &
  Pick<ImageReader, "target" | "format" | "facts" | "lacks" | "origins">;

export function imageReader(opened: Opened): ImageReader {
  let sealed: SealedTree | undefined;
  return {
    ...opened,
    get tree() {
      sealed ??= sealTree(opened.root);
      return sealed;
    },
  };
}

/** The name that is shown so: bytes that are no text, and control characters, are shown as `\xNN`, a line break as `\n`. */
function withEscapes(name: ByteString): ByteString {
  const byteOf = (_: string, hex: string | undefined): string =>
    hex === undefined ? "\n" : String.fromCharCode(Number.parseInt(hex, 16));
  return name.replace(/\\(?:x([0-9a-f]{2})|n)/g, byteOf) as ByteString;
}

/** What is at a path of an image; one that was copied from what is shown of it too. Links on the way are followed, one under the last name only if `follows`. Throws a `rootfs` error. */
export function inodeAt(reader: Pick<ImageReader, "root" | "target">, path: string, follows: boolean): Inode {
  const bytes = toByteString(path.startsWith("/") ? path : `/${path}`);
  const at = (name: ByteString): Inode | undefined => lookup(reader.root, name, { followLast: follows })?.node;
  const node = at(bytes) ?? (bytes.includes("\\") ? at(withEscapes(bytes)) : undefined);
  if (node === undefined) throw new FledgeError("rootfs", `${path} is not in ${reader.target}`);
  return node;
}
