import type { Awaitable, RunContext } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import type { RootfsTree } from "../rootfs/tree.ts";
import type { ResolvedRecipe } from "./recipe.ts";
import type { ImageConfig, Pin } from "./source.ts";

/** A written image. Until the build has succeeded `path` is a temporary name beside the artifact's own. */
export type Artifact = { readonly path: string; readonly sizeBytes: number; readonly digest: Digest };

type Of<T> = { readonly plugin: ResolvedRecipe } & T;

/** What a stage of each phase may touch. What is not here cannot be reached, and using it does not compile. */
export type Phases = {
  /** Before anything is fetched. */
  source: Of<unknown>;
  /** The tree, to be changed. `pin` and `image` say what the base was, where there is one. */
  rootfs: Of<{ readonly rootfs: RootfsTree; readonly pin?: Pin; readonly image?: ImageConfig }>;
  /** The tree as it will be written, read only. */
  image: Of<{ readonly tree: SealedTree }>;
  /** The finished file, read only. */
  artifact: Of<{ readonly artifact: Artifact }>;
};

/** The part of a build that a stage runs in. */
export type Phase = keyof Phases;

/** The stages of fledge's own, by the phase that they belong to, in the order in which they run. */
export const BUILTIN_STAGES = {
  source: ["pin"],
  rootfs: ["layers", "skeleton", "busybox", "agent", "init", "image-config", "mappings"],
  image: ["seal", "check", "write", "verify"],
  artifact: ["manifest", "publish"],
} as const satisfies Record<Phase, readonly string[]>;

/** The order in which the phases of a build follow each other. */
export const PHASES = Object.keys(BUILTIN_STAGES) as readonly Phase[];

/** A stage by its name: those of fledge's own complete in an editor, those of presets are as good. */
export type StageName<P extends Phase = Phase> = (typeof BUILTIN_STAGES)[P][number] | (string & Record<never, never>);

/** How to stop, and how to say what is going on. Each hook and stage is handed it beside what it may touch. */
export type StageContext = Pick<RunContext, "signal" | "progress" | "warn" | "fact" | "log">;

/**
 * A stage of a build. One of yours runs at the end of its phase, or beside or instead of the stage of that phase that
 * `before`, `after` or `replaces` names (`fledge plan` lists them).
 */
export interface Stage<P extends Phase = Phase> {
  /** What `before`, `after` and `replaces` of others, plans and errors call it. */
  readonly name: string;
  /** When it runs, and with it what `run` is handed. */
  readonly phase: P;
  /** The stage that it runs just ahead of. */
  readonly before?: StageName<P>;
  /** The stage that it runs right behind. */
  readonly after?: StageName<P>;
  /** The stage that does not run, since this one does what it did. */
  readonly replaces?: StageName<P>;
  /** Does the work on what its phase may touch. What it throws fails the build, by its name. */
  run(state: Readonly<Phases[P]>, ctx: StageContext): Awaitable<void>;
}

/** A stage of any phase. */
export type AnyStage = { [P in Phase]: Stage<P> }[Phase];
