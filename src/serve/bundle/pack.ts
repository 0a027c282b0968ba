import { toByteString } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import { findHoles } from "../../rootfs/holes.ts";
import { type DirInode, EPOCH_ZERO, NO_XATTRS } from "../../rootfs/node.ts";
import { sealTree } from "../../rootfs/seal.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import type { Collected } from "./collect.ts";
import { type BundleInfo, INFO_NAME } from "./format.ts";

export type PackContext = {
  readonly signal: AbortSignal;
  readonly warn?: (warning: Warning) => void;
  readonly progress?: (doneBytes: number, totalBytes?: number) => void;
};

/** A bundle as a tar archive; the same project gives the same bytes. */
export async function* packBundle(
  { tree, config, manifest }: Collected,
  { signal, warn = () => {}, progress }: PackContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const info: BundleInfo = { format: 1, config, ...(manifest !== undefined && { manifest }), links: tree.links };
  await findHoles(tree.root, signal);
  // What describes the rest comes before it, whatever the rest is called.
  yield* withoutEnd(writeTar(sealTree(folderWith(INFO_NAME, `${JSON.stringify(info)}\n`)), { signal, warn }));
  yield* writeTar(sealTree(tree.root), { signal, warn, ...(progress && { progress }) }, { sparse: "gnu" });
}

const END_BYTES = 1024;

/** An archive that goes on: without the two blocks of zeros that end it. */
async function* withoutEnd(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces: Uint8Array[] = [];
  for await (const piece of archive) pieces.push(Buffer.from(piece));
  yield Buffer.concat(pieces).subarray(0, -END_BYTES);
}

function folderWith(name: string, text: string): DirInode {
  const owner = { uid: 0, gid: 0, mtime: EPOCH_ZERO, xattrs: NO_XATTRS };
  const bytes = Buffer.from(text);
  const file = {
    type: "file" as const,
    ...owner,
    mode: 0o644,
    size: bytes.length,
    content: { kind: "inline" as const, bytes },
  };
  return { type: "dir", ...owner, mode: 0o755, children: new Map([[toByteString(name), file]]) };
}
