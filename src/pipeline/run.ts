import { performance } from "node:perf_hooks";
import { abortedError, type RunContext, throwIfAborted, type Warning } from "../lib/context.ts";
import { FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";
import { RootfsTree } from "../rootfs/tree.ts";
import type { EventSink } from "./events.ts";
import { hookRunner } from "./fire.ts";
import type { Plan } from "./plan.ts";
import type { BuildResult, StageTiming } from "./result.ts";
import { type BuildState, need, type Step } from "./step.ts";

/** The part of the context that lives as long as the build; progress, warnings and logs go through `onEvent`. */
export type RunOptions = Omit<RunContext, "progress" | "warn" | "log"> & { readonly onEvent: EventSink };

/**
 * Runs a plan. When this throws, nothing that the build made is left; when it returns, artifact and manifest are in
 * place. Cleanups run on every way out.
 */
export async function runPlan(plan: Plan, options: RunOptions): Promise<BuildResult> {
  const { plugin } = plan;
  const started = performance.now();
  const warnings: Warning[] = [];
  const stages: StageTiming[] = [];
  const fire = hookRunner(plugin.hooks);
  const rootfs = new RootfsTree({ sec: options.epoch.stampSec, nsec: 0 });
  const state: BuildState = { plugin, rootfs };
  const contextFor = (step: string): RunContext => contextOf(plugin.name, step, options, warnings);
  const cleanUp = async (): Promise<void> => {
    const failures = await options.disposer.dispose();
    for (const failure of failures) contextFor("cleanup").warn({ message: `could not clean up: ${failure}` });
  };

  try {
    for (const warning of plan.warnings) contextFor("plan").warn(warning);
    for (const step of plan.steps) stages.push(await runStep(step, state, contextFor(step.name), plugin.name, options));
    const result: BuildResult = {
      name: plugin.name,
      artifact: need(state, "artifact"),
      ...(plan.outputs.manifest !== undefined && { manifest: need(state, "writtenManifest") }),
      warnings,
      stages,
      durationMs: performance.now() - started,
    };
    await fire("build:done", { plugin, result }, contextFor("build:done"));
    state.keep?.();
    await cleanUp();
    options.onEvent({ type: "build:done", plugin: plugin.name, result });
    return result;
  } catch (error) {
    await cleanUp();
    await reportFailure(
      error,
      () => fire("build:error", { plugin, error }, contextFor("build:error")),
      contextFor("build:error"),
    );
    throw error;
  }
}

async function runStep(
  step: Step,
  state: BuildState,
  ctx: RunContext,
  plugin: string,
  { signal, onEvent }: RunOptions,
): Promise<StageTiming> {
  throwIfAborted(signal);
  const started = performance.now();
  onEvent({ type: "stage:start", plugin, stage: step.name, title: step.title });
  try {
    const running = Promise.resolve(step.run(state, ctx));
    // Code of the user's may wait for something that no signal ends.
    await (step.origins === undefined ? running : untilAborted(running, signal));
    throwIfAborted(signal);
  } catch (error) {
    const failure = attributed(error, step, signal);
    const durationMs = performance.now() - started;
    onEvent({ type: "stage:failed", plugin, stage: step.name, durationMs, message: messageOf(failure) });
    throw failure;
  }
  const durationMs = performance.now() - started;
  onEvent({ type: "stage:done", plugin, stage: step.name, durationMs });
  return { stage: step.name, durationMs };
}

async function untilAborted(running: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedError(signal));
    signal.addEventListener("abort", stop);
  });
  await Promise.race([running, aborted]).finally(() => signal.removeEventListener("abort", stop));
}

/** An abort is reported as such, whatever the code that it stopped made of it; an error of a user's stage names it. */
function attributed(error: unknown, step: Step, signal: AbortSignal): unknown {
  if (signal.aborted) return abortedError(signal);
  if (step.kind === "hooks" || step.origins === undefined) return error;
  const hint = isFledgeError(error) ? error.hint : undefined;
  const message = `stage "${step.name}" of ${step.origins.join(", ")} failed: ${messageOf(error)}`;
  return new FledgeError("stage", message, { cause: error, hint });
}

/** The hook's own failure must not hide what it was told of. */
async function reportFailure(error: unknown, fire: () => Promise<void>, { warn }: RunContext): Promise<void> {
  try {
    await fire();
  } catch (failure) {
    if (failure !== error) warn({ message: messageOf(failure) });
  }
}

/** Stages report each chunk; nobody can read faster than this. */
const PROGRESS_INTERVAL_MS = 50;

function contextOf(plugin: string, stage: string, { onEvent, ...shared }: RunOptions, warnings: Warning[]): RunContext {
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
      warnings.push(warning);
      onEvent({ type: "warning", plugin, ...warning });
    },
    log: (message) => onEvent({ type: "log", plugin, message }),
  };
}
