import { dirname } from "node:path";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { ensureConsole } from "../../guest/skeleton.ts";
import type { RunContext } from "../../lib/context.ts";
import { Disposer } from "../../lib/dispose.ts";
import { removeTree, temporarySibling } from "../../lib/files/atomic.ts";
import { ioError, renamedIn } from "../../lib/files/io-error.ts";
import { makeFolder } from "../../lib/files/new-files.ts";
import { findHoles } from "../../rootfs/holes.ts";
import { sealTree } from "../../rootfs/seal.ts";
import { renewing } from "../../store/damage.ts";
import type { BoundImager } from "../imager.ts";
import type { Outputs } from "../outputs.ts";
import { type BuildState, need, type PlannedStage } from "../planned-stage.ts";
import { findCurrent, stampOf } from "../up-to-date.ts";
import { placeWorkload } from "../workload.ts";

export function sealStage({ strategy }: ResolvedPlugin, { isBootable }: BoundImager): PlannedStage {
  return {
    name: "seal",
    phase: "image",
    kind: "stage",
    isEssential: true,
    title: isBootable
      ? "Find the program to run, make its working folder, and fix the tree's order, links and times"
      : "Fix the order, links and times of the tree",
    run: async (state, ctx) => {
      if (isBootable) placeWorkload(state, ctx);
      if (strategy === "initramfs") ensureConsole(state.rootfs);
      await findHoles(state.rootfs.root, ctx.signal);
      state.tree = sealTree(state.rootfs.root, ctx.epoch.ceilingSec);
      // What a hook has kept of the tree is of no use to it any more.
      for (const { node } of state.tree.inodes) Object.freeze(node);
    },
  };
}

/** `isForced` writes also what is there already. */
export function writeStage(imager: BoundImager, { artifact }: Outputs, isForced: boolean): PlannedStage {
  return {
    name: "write",
    phase: "image",
    kind: "stage",
    owner: imager.owner,
    isEssential: true,
    title: `Write the ${imager.name} image`,
    run: async (state, ctx) => {
      const current = isForced ? undefined : await findCurrent(state, { imager, artifact }, ctx);
      if (current === undefined) return await writeArtifact(state, { imager, artifact }, ctx);
      const { stamp, ...facts } = current;
      state.artifact = facts;
      state.stamp = stamp;
      state.isUnchanged = true;
      ctx.log(`${artifact} is this tree already`);
    },
  };
}

/** Writes what `publish` is to put in place beside it. */
export async function writeArtifact(
  state: BuildState,
  { imager, artifact }: { imager: BoundImager; artifact: string },
  ctx: RunContext,
): Promise<void> {
  const tree = need(state, "tree");
  const folders = new Disposer();
  // One that something else has been put into meanwhile stays.
  state.keep = ctx.disposer.defer(async () => void (await folders.dispose()));
  await makeFolder(dirname(artifact), folders);
  const path = await temporarySibling(artifact);
  ctx.disposer.defer(() => removeTree(path));
  try {
    state.artifact = await renewing(ctx, async () => {
      await removeTree(path); // What was written until a layer turned out to be damaged.
      return { path, ...(await imager.write(tree, path, ctx)) };
    });
  } catch (error) {
    throw renamedIn(ioError(error, "write", artifact), path, artifact);
  }
  state.stamp = await stampOf(path);
  state.isUnchanged = false;
}

export function verifyStage(imager: BoundImager): PlannedStage {
  return {
    name: "verify",
    phase: "image",
    kind: "stage",
    owner: imager.owner,
    title: "Read the image back and compare it with the tree",
    run: async (state, ctx) => {
      if (imager.verify !== undefined) {
        await renewing(ctx, async () => imager.verify?.(need(state, "tree"), need(state, "artifact").path, ctx));
        return;
      }
      ctx.warn({
        message: `the imager "${imager.name}" has no verify: the artifact was not compared with the tree`,
        hint: "give defineImager() a verify(tree, image, ctx) that throws when they differ",
      });
    },
  };
}
