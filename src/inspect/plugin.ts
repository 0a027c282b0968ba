import type { ResolvedPlugin } from "../contract/plugin.ts";
import { inMemory } from "../pipeline/in-memory.ts";
import { plan } from "../pipeline/plan.ts";
import type { BuildState } from "../pipeline/planned-stage.ts";
import { runPlan } from "../pipeline/run.ts";
import { originsIn } from "../pipeline/up-to-date.ts";
import type { ImageReader, OpenContext } from "./reader.ts";

/** Builds a plugin's tree in memory, hooks and stages included, and renders its manifest; nothing is written. */
export async function readPlugin(
  plugin: ResolvedPlugin,
  ctx: OpenContext,
): Promise<Pick<ImageReader, "root" | "facts" | "origins">> {
  const states: BuildState[] = [];
  const planned = inMemory(plan(plugin));
  const stages = planned.stages.map((stage) => ({
    ...stage,
    run: (...[state, run]: Parameters<typeof stage.run>) => {
      states[0] = state;
      return stage.run(state, run);
    },
  }));
  // What a build removes at its end is what the tree is read from.
  const kept = { defer: ctx.disposer.defer.bind(ctx.disposer), dispose: async () => [] };
  const disposer = Object.assign(Object.create(ctx.disposer) as typeof ctx.disposer, kept);
  const { signal, env, cacheDir, epoch } = ctx;
  const result = await runPlan(
    { ...planned, stages },
    {
      ...{ signal, env, cacheDir, epoch, disposer },
      onEvent: (event) => {
        if (event.type === "warning") ctx.warn(event);
      },
    },
  );
  const [state] = states;
  if (state === undefined) throw new Error("the plan of a plugin has no stage");
  const { architecture } = plugin.platform;
  const { manifest } = result;
  return {
    root: state.rootfs.root,
    origins: originsIn(state),
    facts: { architecture, ...(manifest !== undefined && { commandLineBytes: manifest.commandLineBytes }) },
  };
}
