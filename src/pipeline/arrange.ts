import type { StageLayer } from "../contract/plugin.ts";
import { type AnyStage, PHASES, type Phase, type Phases, type Stage } from "../contract/stage.ts";
import { FledgeError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import { lend } from "./lend.ts";
import { type BuildState, need, type PlannedStage } from "./planned-stage.ts";
import { stageContext } from "./stage-context.ts";
import { type Call, runUserCode } from "./user-code.ts";

/**
 * Puts the user's stages among fledge's: where `before`, `after` or `replaces` says, else at the end of their phase,
 * ahead of the hooks that close it. Throws a `config` error for a name that is not in the phase.
 */
export function arrange(builtin: readonly PlannedStage[], stages: readonly StageLayer[]): PlannedStage[] {
  const arranged = [...builtin];
  for (const { origin, stage } of stages) {
    const added = toPlanned(stage, origin);
    if (arranged.some((other) => other.name === stage.name) && stage.replaces !== stage.name) {
      throw new FledgeError("config", `${origin}: there is a stage "${stage.name}" already`, {
        hint: `give it another name, or say replaces: "${stage.name}"`,
      });
    }
    const anchor = stage.before ?? stage.after ?? stage.replaces;
    if (anchor === undefined) {
      arranged.splice(endOf(arranged, stage.phase), 0, added);
      continue;
    }
    const index = arranged.findIndex((other) => other.name === anchor && other.phase === stage.phase);
    if (index < 0) throw noAnchor(arranged, stage, anchor, origin);
    if (stage.replaces !== undefined && arranged[index]?.isEssential) throw essential(stage, anchor, origin);
    if (stage.replaces !== undefined) arranged.splice(index, 1, added);
    else arranged.splice(stage.before !== undefined ? index : index + 1, 0, added);
  }
  return arranged;
}

/** Ahead of what closes a phase, so that the closing hooks see what the user's stages did. */
function endOf(stages: readonly PlannedStage[], phase: Phase): number {
  const closing = stages.findIndex((other) => other.phase === phase && other.closesPhase);
  return closing >= 0
    ? closing
    : stages.findLastIndex((other) => PHASES.indexOf(other.phase) <= PHASES.indexOf(phase)) + 1;
}

function toPlanned<P extends Phase>(stage: Stage<P>, origin: string): PlannedStage {
  return {
    name: stage.name,
    phase: stage.phase,
    kind: "stage",
    title: `Run the stage "${stage.name}" of ${origin}`,
    origins: [origin],
    run: async (state, ctx) => {
      const owner = { who: `stage "${stage.name}" of ${origin}`, code: "stage" } as const;
      await runUserCode(owner, state.guard, async (call) => {
        await stage.run(viewOf(stage.phase, state, call), lend(stageContext(ctx, owner.who), "", call));
      });
    },
  };
}

/** What a phase lets its stages and hooks touch, for as long as they run. */
export function viewOf<P extends Phase>(phase: P, state: BuildState, call: Call): Phases[P] {
  const { plugin, rootfs, pin, image } = state;
  const views: { [K in Phase]: () => Phases[K] } = {
    source: () => ({ plugin }),
    rootfs: () => ({ plugin, rootfs: lend(rootfs, "rootfs", call), ...(pin && { pin }), ...(image && { image }) }),
    image: () => ({ plugin, tree: lend(need(state, "tree"), "tree", call) }),
    artifact: () => ({ plugin, artifact: need(state, "artifact") }),
  };
  return views[phase]();
}

function essential(stage: AnyStage, anchor: string, origin: string): FledgeError {
  const message = `${origin}: stage "${stage.name}" cannot replace "${anchor}", which makes what later stages need`;
  return new FledgeError("config", message, { hint: `let it run before or after "${anchor}"` });
}

function noAnchor(stages: readonly PlannedStage[], stage: AnyStage, anchor: string, origin: string): FledgeError {
  const names = stages
    .filter((other) => other.phase === stage.phase && other.kind === "stage")
    .map((other) => other.name);
  return new FledgeError(
    "config",
    `${origin}: stage "${stage.name}" refers to "${anchor}", which is not in the ${stage.phase} phase`,
    { hint: didYouMean(anchor, names) },
  );
}
