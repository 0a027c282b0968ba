import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import type { RunContext } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import type { RootfsTree } from "../rootfs/tree.ts";
import type { ImageConfig, Pin } from "../sources/source.ts";

export type Awaitable<T> = T | Promise<T>;

/** A written image. Until the build has succeeded `path` is a temporary name beside the artifact's own. */
export type Artifact = { readonly path: string; readonly sizeBytes: number; readonly digest: Digest };

type Of<T> = { readonly plugin: ResolvedPlugin } & T;

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

/** The order in which the phases of a build follow each other. */
export const PHASES: readonly Phase[] = ["source", "rootfs", "image", "artifact"];

/** How to stop, and how to say what is going on. Each hook and stage is handed it beside what it may touch. */
export type StageContext = Pick<RunContext, "signal" | "progress" | "warn" | "fact" | "log">;

/** The part of a run's context that the user's code is handed; `from` is who a warning is from. */
export function stageContext({ signal, progress, warn, fact, log }: RunContext, from: string): StageContext {
  return {
    signal,
    progress,
    warn: (warning) =>
      warn({ message: textOf(warning?.message, "warn", "{ message, hint? }"), hint: warning.hint, from }),
    fact,
    log: (message) => log(textOf(message, "log", "a text")),
  };
}

function textOf(text: unknown, name: string, form: string): string {
  if (typeof text === "string") return text;
  throw new FledgeError("config", `${name}() takes ${form}`);
}

/**
 * A step of a build. One of yours runs at the end of its phase, or beside or instead of the stage of that phase that
 * `before`, `after` or `replaces` names (`fledge plan` lists them).
 */
export interface Stage<P extends Phase = Phase> {
  readonly name: string;
  readonly phase: P;
  readonly before?: string;
  readonly after?: string;
  readonly replaces?: string;
  run(state: Readonly<Phases[P]>, ctx: StageContext): Awaitable<void>;
}

/** A stage of any phase. */
export type AnyStage = { [P in Phase]: Stage<P> }[Phase];
