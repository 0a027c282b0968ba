import { createHooks } from "hookable";
import type { RunContext } from "../lib/context.ts";
import { type FledgeError, isFledgeError } from "../lib/errors.ts";
import { type FledgeHooks, HOOK_NAMES, type HookLayer, type HookName } from "./hooks.ts";
import { type StageContext, stageContext } from "./stage.ts";
import { userFailure } from "./user-failure.ts";

export type Fire = <N extends HookName>(name: N, context: HookContext<N>, ctx: RunContext) => Promise<void>;

/** What a hook is handed beside the stage context. */
type HookContext<N extends HookName> = Omit<Parameters<FledgeHooks[N]>[0], keyof StageContext>;

type Call = (name: HookName, context: object) => Promise<void> | undefined;

type Handler = (context: object) => void | Promise<void>;

/**
 * Registers the hooks of every layer, low layer first; the returned function runs all of one name, in that order.
 * What a hook throws becomes a `hook` error that names the hook and whose it is.
 */
export function hookRunner(layers: readonly HookLayer[]): Fire {
  const registry = createHooks<Record<HookName, Handler>>();
  for (const { origin, hooks } of layers) {
    for (const name of HOOK_NAMES) {
      const handler = hooks[name] as Handler | undefined;
      if (handler === undefined) continue;
      registry.hook(name, async (context) => {
        try {
          await handler(context);
        } catch (error) {
          throw attributed(error, name, origin);
        }
      });
    }
  }
  return async (name, context, ctx) => {
    // hookable infers the arguments from the name, which is still generic here.
    await (registry.callHook as Call)(name, { ...context, ...stageContext(ctx) });
  };
}

/** Whose hooks of a name there are. */
export function originsOf(layers: readonly HookLayer[], name: HookName): string[] {
  return layers.filter(({ hooks }) => hooks[name] !== undefined).map(({ origin }) => origin);
}

function attributed(error: unknown, name: HookName, origin: string): FledgeError {
  if (isFledgeError(error) && error.code === "aborted") return error;
  return userFailure(error, "hook", `hook "${name}" of ${origin}`);
}
