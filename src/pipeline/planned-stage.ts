import type { Locks } from "../contract/lock.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildSize, WrittenManifest } from "../contract/result.ts";
import type { ImageConfig, Pin } from "../contract/source.ts";
import type { Artifact, Phase } from "../contract/stage.ts";
import type { MappedFiles } from "../guest/mappings/apply.ts";
import type { Awaitable, RunContext } from "../lib/context.ts";
import type { Origins } from "../rootfs/origin.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import type { RootfsTree } from "../rootfs/tree.ts";
import type { BuildIdentity } from "../store/builds.ts";
import type { FoundCommand } from "../volant/input.ts";
import type { Manifest } from "../volant/schema.ts";
import type { BuildGuard } from "./user-code.ts";
import type { Owner } from "./user-failure.ts";

/** What the stages of one build hand on to each other. A stage may count on what the stages before it have set. */
export type BuildState = {
  readonly plugin: ResolvedPlugin;
  readonly rootfs: RootfsTree;
  /** Who is at the tree at the moment, and who has been. */
  readonly origins: Origins;
  /** What code of the user's runs under. */
  readonly guard: BuildGuard;
  /** What inputs are held to. */
  readonly locks?: Locks | undefined;
  pin?: Pin;
  image?: ImageConfig;
  /** What the mappings put into the tree. */
  mapped?: MappedFiles;
  /** What the guest is to run. */
  command?: FoundCommand;
  tree?: SealedTree;
  artifact?: Artifact;
  /** What the sealed tree takes; absent while nobody had to know. */
  measured?: Pick<BuildSize, "usedBytes" | "inodes" | "origins">;
  /** What the artifact is made from; absent while nobody had to know. */
  identity?: BuildIdentity;
  /** Of the artifact when it was written, or found in place: who changes it afterwards is seen by that. */
  stamp?: string | undefined;
  /** Whether what is in place already is what the build would write. */
  isUnchanged?: boolean;
  manifest?: Manifest;
  writtenManifest?: WrittenManifest;
  /** Called when the build has succeeded: what was put in place stays. */
  keep?: () => void;
};

/** One line of a plan: a stage of fledge's, a stage of the user's, or the hooks of one moment. */
export type PlannedStage = {
  readonly name: string;
  readonly phase: Phase;
  readonly kind: "stage" | "hooks";
  /** What it does, as one imperative phrase. */
  readonly title: string;
  /** The config or presets that it comes from; absent for fledge's own. */
  readonly origins?: readonly string[];
  /** Whose code one of fledge's own calls: a source, an imager. */
  readonly owner?: Owner | undefined;
  /** Stages of the user's that name no place go ahead of it. */
  readonly closesPhase?: boolean;
  /** What it makes is needed by the stages after it, and nothing of the user's can make it. */
  readonly isEssential?: boolean;
  run(state: BuildState, ctx: RunContext): Awaitable<void>;
};

/** A value that an earlier stage has set; its absence is a mistake in the plan, never of the user's. */
export function need<K extends keyof BuildState>(state: BuildState, key: K): NonNullable<BuildState[K]> {
  const value = state[key];
  if (value === undefined || value === null) throw new Error(`the plan ran a stage that needs "${key}" too early`);
  return value;
}
