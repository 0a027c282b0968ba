import { toText } from "../../lib/bytes.ts";
import type { RunContext } from "../../lib/context.ts";
import { Pause } from "../../lib/pause.ts";
import { digestContent } from "../../rootfs/content.ts";
import { inodeFacts } from "../../rootfs/inode-facts.ts";
import type { Origin } from "../../rootfs/origin.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import { need, type PlannedStage } from "../planned-stage.ts";
import { replaceFile } from "../replace.ts";
import { keepWith } from "./artifact.ts";

/** Writes what is in the artifact beside it; what the file said before comes back when the build fails. */
export function filesStage(file: string): PlannedStage {
  return {
    name: "files",
    phase: "artifact",
    kind: "stage",
    title: "Write the listing of its files",
    closesPhase: true,
    run: async (state, ctx) => {
      const replaced = await replaceFile(file, await listingOf(need(state, "tree"), state.origins.table, ctx));
      if (replaced !== undefined) keepWith(state, ctx, replaced);
    },
  };
}

/** A JSON array with a line for each name, so that two of them can be compared by lines too. */
async function listingOf(
  { entries }: SealedTree,
  table: readonly Origin[],
  { signal }: Pick<RunContext, "signal">,
): Promise<string> {
  const lines: string[] = [];
  const first = new Map<SealedInode, string>();
  const pause = new Pause(signal);
  for (const entry of entries) {
    const path = `/${toText(entry.path)}`;
    const { inode } = entry;
    if (entry.isFirstName) first.set(inode, path);
    lines.push(
      JSON.stringify(entry.isFirstName ? await described(path, entry, table) : { path, link: first.get(inode) }),
    );
    if (pause.isDue()) await pause.take();
  }
  return `[\n${lines.join(",\n")}\n]\n`;
}

async function described(path: string, { inode: { node, mtime } }: SealedEntry, table: readonly Origin[]) {
  const origin = node.origin === undefined ? undefined : table[node.origin];
  return {
    path,
    ...inodeFacts(node, mtime),
    mode: node.mode.toString(8).padStart(4, "0"),
    ...(node.type === "file" && { digest: await digestContent(node) }),
    ...(origin !== undefined && { origin: { kind: origin.kind, label: origin.label } }),
  };
}
