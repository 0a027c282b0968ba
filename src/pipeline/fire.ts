import type { FledgeHooks, HookLayer, HookName } from "../contract/hooks.ts";
import type { StageContext } from "../contract/stage.ts";
import type { Awaitable, RunContext } from "../lib/context.ts";
import { lend } from "./lend.ts";
import { stageContext } from "./stage-context.ts";
import { type BuildGuard, type Call, runUserCode } from "./user-code.ts";

/** What a hook is handed beside the stage context. */
export type HookContext<N extends HookName> = Omit<Parameters<FledgeHooks[N]>[0], keyof StageContext>;

export type Firing<N extends HookName> = {
  readonly layers: readonly HookLayer[];
  readonly guard: BuildGuard;
  /** Made anew for each hook, so that what one is handed is its own. */
  contextFor(call: Call): HookContext<N>;
  /** Called when a hook has done with its context. */
  done?(context: HookContext<N>): void;
};

/**
 * Runs the hooks of one name, one after the other, those of low layers first. What a hook throws becomes a `hook` error
 * that names the hook and whose it is, and keeps the others from running.
 */
export async function fire<N extends HookName>(
  name: N,
  { layers, guard, contextFor, done }: Firing<N>,
  ctx: RunContext,
): Promise<void> {
  for (const { origin, hooks } of layers) {
    const hook = hooks[name] as ((context: HookContext<N> & StageContext) => Awaitable<void>) | undefined;
    if (hook === undefined) continue;
    const owner = { who: `hook "${name}" of ${origin}`, code: "hook" } as const;
    await runUserCode(owner, guard, async (call) => {
      const context = contextFor(call);
      await hook({ ...context, ...lend(stageContext(ctx, owner.who), "", call) });
      done?.(context);
    });
  }
}

/** Whose hooks of a name there are. */
export function originsOf(layers: readonly HookLayer[], name: HookName): string[] {
  return layers.filter(({ hooks }) => hooks[name] !== undefined).map(({ origin }) => origin);
}
