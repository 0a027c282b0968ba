import { performance } from "node:perf_hooks";
import type { Locks } from "../contract/lock.ts";
import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult, StageTiming } from "../contract/result.ts";
import { type RunContext, throwIfAborted, untilAborted, type Warning } from "../lib/context.ts";
import { messageOf } from "../lib/errors.ts";
import { type Origin, Origins } from "../rootfs/origin.ts";
import { RootfsTree } from "../rootfs/tree.ts";
import { damageOf } from "../store/damage.ts";
import type { EventSink } from "./events.ts";
import { FactBook } from "./facts.ts";
import { fire } from "./fire.ts";
import { lend } from "./lend.ts";
import type { Plan } from "./plan.ts";
import { type BuildState, need, type PlannedStage } from "./planned-stage.ts";
import { sizeOf } from "./size.ts";
import { BuildGuard, runUserCode } from "./user-code.ts";

/** The part of the context that lives as long as the build; progress, warnings, facts and logs go through `onEvent`. */
export type RunOptions = Omit<RunContext, "progress" | "warn" | "fact" | "log"> & {
  readonly onEvent: EventSink;
  readonly locks?: Locks | undefined;
};

/**
 * Runs a plan. When this throws, nothing that the build made is left; when it returns, artifact and manifest are in
 * place. Cleanups run on every way out.
 */
export async function runPlan(plan: Plan, options: RunOptions): Promise<BuildResult> {
  const { plugin } = plan;
  const { onEvent } = options;
  const started = performance.now();
  const said: Said = { warnings: [], facts: new FactBook() };
  const stages: StageTiming[] = [];
  const guard = new BuildGuard(options.signal, ({ message, hint }) =>
    onEvent({ type: "warning", plugin: labelOf(plugin), message, hint }),
  );
  const { signal } = guard;
  const origins = new Origins();
  const mtime = { sec: options.epoch.stampSec, nsec: 0 };
  const rootfs = new RootfsTree(mtime, (warning) => contextFor("rootfs").warn(warning), origins);
  const state: BuildState = { plugin, rootfs, origins, guard, locks: options.locks };
  const contextFor = (stage: string): RunContext => contextOf(labelOf(plugin), stage, { ...options, signal }, said);
  const cleanUp = async (): Promise<void> => {
    const failures = await options.disposer.dispose();
    for (const failure of failures) contextFor("cleanup").warn({ message: `could not clean up: ${failure}` });
  };

  try {
    for (const warning of plan.warnings) contextFor("plan").warn(warning);
    for (const stage of plan.stages) stages.push(await runStage(stage, state, contextFor(stage.name), onEvent));
    const result: BuildResult = {
      name: plugin.name,
      ...(plugin.label !== undefined && { label: plugin.label }),
      artifact: need(state, "artifact"),
      isUnchanged: state.isUnchanged ?? false,
      ...(plan.outputs.manifest !== undefined && { manifest: need(state, "writtenManifest") }),
      size: sizeOf(state),
      ...(plan.launch !== undefined && { launch: plan.launch }),
      warnings: said.warnings,
      facts: said.facts.facts,
      stages,
      durationMs: performance.now() - started,
    };
    const firing = { layers: plugin.hooks, guard };
    const done = fire("build:done", { ...firing, contextFor: () => ({ plugin, result }) }, contextFor("build:done"));
    await untilAborted(done, signal);
    state.keep?.();
    guard.end();
    await cleanUp();
    onEvent({ type: "build:done", plugin: labelOf(plugin), result });
    return result;
  } catch (thrown) {
    const error = guard.causeOf(thrown);
    // A cache that cannot be written to stays as it is; the error says what to do.
    await damageOf(error)
      ?.forget()
      .catch(() => undefined);
    guard.end();
    await cleanUp();
    const firing = { layers: plugin.hooks, guard, contextFor: () => ({ plugin, error }) };
    await reportFailure(error, () => fire("build:error", firing, contextFor("build:error")), contextFor("build:error"));
    throw error;
  }
}

async function runStage(
  stage: PlannedStage,
  state: BuildState,
  ctx: RunContext,
  onEvent: EventSink,
): Promise<StageTiming> {
  const { guard } = state;
  const { signal } = guard;
  const plugin = labelOf(state.plugin);
  throwIfAborted(signal);
  const started = performance.now();
  onEvent({ type: "stage:start", plugin, stage: stage.name, title: stage.title });
  state.origins.begin(originOf(stage, state.plugin));
  try {
    const { owner } = stage;
    const running = Promise.resolve(
      owner === undefined
        ? stage.run(state, ctx)
        : runUserCode(owner, guard, (call) => stage.run(state, lend(ctx, "ctx", call))),
    );
    await (stage.origins === undefined ? running : untilAborted(running, signal));
    throwIfAborted(signal);
  } catch (error) {
    const failure = guard.causeOf(error);
    const durationMs = performance.now() - started;
    onEvent({ type: "stage:failed", plugin, stage: stage.name, durationMs, message: messageOf(failure) });
    throw failure;
  }
  const durationMs = performance.now() - started;
  onEvent({ type: "stage:done", plugin, stage: stage.name, durationMs });
  return { stage: stage.name, durationMs };
}

/** Those of fledge's stages that have a kind of their own. */
const KINDS: ReadonlySet<string> = new Set(["busybox", "agent", "init"] satisfies Origin["kind"][]);

/** Who is at the tree while a stage runs, unless it says more: layers, mappings and hooks do. */
function originOf({ name, origins }: PlannedStage, { configFile }: ResolvedPlugin): Origin {
  if (origins === undefined) return { kind: KINDS.has(name) ? (name as Origin["kind"]) : "stage", label: name };
  const label = `stage "${name}" of ${origins.join(", ")}`;
  return { kind: "stage", label, ...(configFile !== undefined && { file: configFile }) };
}

/** The hook's own failure must not hide what it was told of. */
async function reportFailure(error: unknown, fire: () => Promise<void>, { warn }: RunContext): Promise<void> {
  try {
    await fire();
  } catch (failure) {
    if (failure !== error) warn({ message: messageOf(failure) });
  }
}

/** What the parts of a build say that stays in its result. */
type Said = { readonly warnings: Warning[]; readonly facts: FactBook };

/** Stages report each chunk; nobody can read faster than this. */
const PROGRESS_INTERVAL_MS = 50;

function contextOf(
  plugin: string,
  stage: string,
  { onEvent, locks: _locks, ...shared }: RunOptions,
  said: Said,
): RunContext {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return {
    ...shared,
    progress: (doneBytes, totalBytes, item) => {
      const now = performance.now();
      if (now - reportedAt < PROGRESS_INTERVAL_MS && doneBytes !== totalBytes) return;
      reportedAt = now;
      onEvent({
        type: "stage:progress",
        plugin,
        stage,
        doneBytes,
        ...(totalBytes !== undefined && { totalBytes }),
        ...(item !== undefined && { item }),
      });
    },
    warn: (warning) => {
      // The plan foresees some of what is said again of the finished manifest.
      if (said.warnings.some(({ message, hint }) => message === warning.message && hint === warning.hint)) return;
      said.warnings.push(warning);
      onEvent({ type: "warning", plugin, ...warning });
    },
    fact: (name, value) => onEvent({ type: "fact", plugin, name, value: said.facts.add(name, value, stage) }),
    log: (message) => onEvent({ type: "log", plugin, message }),
  };
}
