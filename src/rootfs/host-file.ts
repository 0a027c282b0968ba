import { type BigIntStats, constants } from "node:fs";
import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import type { Content, FileInode } from "./node.ts";

/**
 * How a content's file is opened: never waiting for the writer of a FIFO that has come into its place, nor through a
 * symlink that has, where it is known that there was none.
 */
export function openFlagsOf(content: Content): number {
  const isBound = content.kind === "file" && content.found !== undefined;
  return constants.O_RDONLY | constants.O_NONBLOCK | (isBound ? constants.O_NOFOLLOW : 0);
}

/** The content of a file of the host, bound to what `stat` says of it: reading anything else is an error. */
export function hostContent(path: Buffer, stat: BigIntStats): Extract<Content, { kind: "file" }> {
  return {
    kind: "file",
    path: textOf(path),
    found: fingerprint(stat),
    // Fewer blocks than bytes: where the holes are is found out when the tree is sealed.
    ...(stat.blocks * 512n < stat.size && { hasHoles: true }),
  };
}

/** Checks that an open file still is the one that entered the tree; asked before it is read and after. */
export function assertAsFound(stat: BigIntStats, { size, content }: FileInode): void {
  if (content.kind !== "file") return;
  const isSame = content.found === undefined ? stat.isFile() : fingerprint(stat) === content.found;
  if (!isSame || stat.size !== BigInt(size)) throw changed(content.path);
}

export function changed(path: string | Buffer): FledgeError {
  return new FledgeError("io", `${path} changed while the image was being written`, { hint: "build again" });
}

/** Says of a socket that it stays behind. */
export function leftOut(path: Buffer): Warning {
  return { message: `${path} is a socket and is left out: only a running program makes one` };
}

/** The numbers of a device node: dev_t as glibc's gnu_dev_major and gnu_dev_minor take it apart. */
export function deviceNumbersOf({ rdev }: BigIntStats): { major: number; minor: number } {
  if (process.platform !== "linux") throw new FledgeError("source", "device nodes can only be read on Linux");
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)),
  };
}

/** Type and permissions are in it, and the time of the last change to anything of the inode. */
function fingerprint({ dev, ino, mode, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, mode, size, mtimeNs, ctimeNs].join(":");
}

/** Text where it leads back to the same bytes. */
function textOf(path: Buffer): string | Buffer {
  const text = path.toString("utf8");
  return Buffer.from(text).equals(path) ? text : path;
}
