import type { SealedTree } from "../../rootfs/seal.ts";
import { identify } from "../identity.ts";
import type { Format } from "./filesystem.ts";
import type { ResolvedLoopOptions } from "./options.ts";

/** Changes when the same tree is to get other UUIDs. */
const SCHEME = "fledge loop 1";

/** UUID and hash seed, from the tree and the options, as the native ext4 has them. */
export function identityOf(tree: SealedTree, options: ResolvedLoopOptions): Pick<Format, "uuid" | "hashSeed"> {
  const journal = options.type !== "ext4" || options.journal;
  const { uuid, hashSeed } = identify(tree, { ...options, journal }, `${SCHEME} ${options.type}`);
  const seed = Buffer.alloc(16);
  for (const [index, word] of hashSeed.entries()) seed.writeUInt32LE(word, index * 4);
  return { uuid: formatUuid(uuid), hashSeed: formatUuid(seed) };
}

function formatUuid(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
