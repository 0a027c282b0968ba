import { basename, dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import type { BuildAllResult, BuildFailure } from "../../build.ts";
import type { Project } from "../../config/project.ts";
import { labelOf, type ResolvedPlugin } from "../../contract/plugin.ts";
import type { BuildResult } from "../../contract/result.ts";
import { abortedError, type Warning } from "../../lib/context.ts";
import { errorData, FledgeError, isFledgeError } from "../../lib/errors.ts";
import { removeTree, temporarySibling } from "../../lib/files/atomic.ts";
import { makeFolders } from "../../lib/files/folders.ts";
import { ioError, renamedIn } from "../../lib/files/io-error.ts";
import { fillHoles } from "../../lib/files/sparse.ts";
import { inParallel } from "../../lib/jobs.ts";
import { formatPlatform } from "../../lib/platform.ts";
import type { BuildEvent, EventSink } from "../../pipeline/events.ts";
import { imagerFor } from "../../pipeline/imager.ts";
import { type Outputs, outputsOf } from "../../pipeline/outputs.ts";
import { type Collected, collectProject, packBundle } from "../bundle/index.ts";
import { putInPlace } from "../place.ts";
import type { BuildOutputs, BuildView } from "../queue/index.ts";
import type { BuildRequest } from "../request.ts";
import { OUT_PLACE, PROJECT_PLACE } from "../work.ts";
import type { Elsewhere, ElsewhereUse } from "./elsewhere.ts";

export type RemoteBuildOptions = {
  /** Who builds. */
  readonly elsewhere: (use: ElsewhereUse, plugin: ResolvedPlugin) => Elsewhere;
  readonly signal: AbortSignal;
  readonly project: Project;
  readonly plugins: readonly ResolvedPlugin[];
  /** How each is built; the plugin and its platform are said of each. */
  readonly request: Omit<BuildRequest, "plugin" | "platform" | "config">;
  readonly packageFiles: readonly string[];
  readonly include: readonly string[];
  readonly top?: string | undefined;
  readonly manifestFile?: string | undefined;
  /** Builds under way at once; the service says how many run. */
  readonly jobs: number;
  readonly onEvent: EventSink;
};

/**
 * Has others build plugins, and puts what it made where a build here would put it: checked to the byte, whole or not at
 * all. As `buildAll`; an abort cancels the builds there too.
 */
export async function buildAllRemotely(options: RemoteBuildOptions): Promise<BuildAllResult> {
  const outcomes = await inParallel(options.plugins, options.jobs, (plugin) => settle(plugin, options));
  return {
    results: outcomes.flatMap((outcome) => ("error" in outcome ? [] : outcome)),
    failures: outcomes.flatMap((outcome) => ("error" in outcome ? outcome : [])),
  };
}

async function settle(plugin: ResolvedPlugin, options: RemoteBuildOptions): Promise<BuildResult | BuildFailure> {
  const started = performance.now();
  const warnings: Warning[] = [];
  const label = labelOf(plugin);
  const onEvent: EventSink = (event) => {
    if (event.type === "warning") warnings.push({ message: event.message, hint: event.hint });
    options.onEvent(event);
  };
  try {
    const result = await new RemoteBuild(plugin, { ...options, onEvent }).run();
    const whole = { ...result, durationMs: performance.now() - started };
    onEvent({ type: "build:done", plugin: label, result: whole });
    return whole;
  } catch (thrown) {
    const error = options.signal.aborted ? abortedError(options.signal) : thrown;
    const durationMs = performance.now() - started;
    onEvent({ type: "build:failed", plugin: label, error: errorData(error), durationMs });
    return { name: label, error, warnings, durationMs };
  }
}

/** How long a service may take over a cancel when this process is about to end. */
const CANCEL_MS = 5_000;

class RemoteBuild {
  readonly #plugin: ResolvedPlugin;
  readonly #options: RemoteBuildOptions;
  readonly #label: string;
  readonly #service: Elsewhere;
  #result: BuildResult | undefined;
  #names: readonly (readonly [string, string])[] = [];

  constructor(plugin: ResolvedPlugin, options: RemoteBuildOptions) {
    this.#plugin = plugin;
    this.#options = options;
    this.#label = labelOf(plugin);
    const { signal } = options;
    this.#service = options.elsewhere({ signal, log: (message) => this.#log(message) }, plugin);
  }

  async run(): Promise<BuildResult> {
    const outputs = outputsOf(this.#plugin, imagerFor(this.#plugin));
    const collected = await this.#collect();
    this.#names = [
      [PROJECT_PLACE, collected.tree.top],
      [OUT_PLACE, dirname(outputs.artifact)],
    ];
    const id = await this.#stage("send", `Send the project to ${this.#service.name}`, () => this.#send(collected));
    try {
      const view = await this.#follow(id);
      const made = this.#assertDone(view);
      return await this.#stage("fetch", "Fetch the artifact", () => this.#fetch(id, made, outputs));
    } catch (error) {
      if (this.#options.signal.aborted) await this.#cancel(id);
      throw error;
    }
  }

  async #collect(): Promise<Collected> {
    const { project, packageFiles, include, top, manifestFile } = this.#options;
    const collected = await collectProject(project, {
      ...{ plugins: [this.#plugin], packageFiles, include, top, manifestFile },
    });
    for (const warning of collected.warnings) this.#tell({ type: "warning", plugin: this.#label, ...warning });
    return collected;
  }

  async #send(collected: Collected): Promise<string> {
    const { signal } = this.#options;
    const progress = (doneBytes: number, totalBytes?: number): void => this.#progress("send", doneBytes, totalBytes);
    const bundle = () => packBundle(collected, { signal, progress });
    const { id } = await this.#service.submit(this.#request(), bundle);
    return id;
  }

  #request(): BuildRequest {
    const { name, platform } = this.#plugin;
    return { ...this.#options.request, plugin: name, platform: formatPlatform(platform) };
  }

  async #follow(id: string): Promise<BuildView> {
    for await (const followed of this.#service.follow(id)) {
      if (followed.kind === "end") return followed.view;
      if (followed.kind === "position" && followed.position > 0)
        this.#log(`in the queue at place ${followed.position}`);
      else if (followed.kind === "event" && followed.event.type !== "state") this.#take(followed.event);
    }
    throw new FledgeError("internal", `build ${id} has no end`);
  }

  /** How it ends is told when its artifact is here. */
  #take(event: BuildEvent): void {
    const text = JSON.stringify(event);
    const local = this.#names.reduce((all, [from, to]) => all.replaceAll(from, JSON.stringify(to).slice(1, -1)), text);
    const { atMs: _atMs, ...own } = JSON.parse(local) as BuildEvent & { atMs?: number };
    if (own.type === "build:done") this.#result = own.result;
    else if (own.type !== "build:failed") this.#tell({ ...own, plugin: this.#label });
  }

  #assertDone({ id, state, error, outputs }: BuildView): BuildOutputs {
    if (state === "done" && outputs !== undefined) return outputs;
    if (error === undefined) {
      throw new FledgeError("aborted", `build ${id} was cancelled at the service`, { hint: "build again" });
    }
    const { code, message, hint, problems } = error;
    const whole = new FledgeError(code, message, { hint, ...(problems !== undefined && { problems }) });
    throw this.#names.reduce((renamed: unknown, [from, to]) => renamedIn(renamed, from, to), whole);
  }

  async #fetch(id: string, { artifact, manifest }: BuildOutputs, outputs: Outputs): Promise<BuildResult> {
    const { signal } = this.#options;
    const result = this.#result;
    if (result === undefined) throw new FledgeError("internal", `build ${id} does not say what it has made`);
    await makeFolders(dirname(outputs.artifact)).catch((error: unknown) => {
      throw ioError(error, "create", dirname(outputs.artifact));
    });
    const temporary = await temporarySibling(outputs.artifact);
    try {
      const progress = (bytes: number): void => this.#progress("fetch", bytes, artifact.sizeBytes);
      const digest = await this.#service.download(id, { to: temporary, sizeBytes: artifact.sizeBytes, progress });
      if (digest !== artifact.digest || digest !== result.artifact.digest) throw wrongBytes(artifact.name);
      if (isPreallocated(this.#plugin)) await fillHoles(temporary);
      const text = manifest === undefined ? undefined : await this.#service.manifest(id);
      const ctx = { signal, progress: () => {}, log: (message: string) => this.#log(message) };
      const document = await putInPlace(outputs, { artifact: temporary, name: artifact.name, manifest: text }, ctx);
      return this.#localResult(result, outputs, document);
    } catch (error) {
      throw isFledgeError(error) ? error : ioError(error, "write", outputs.artifact);
    } finally {
      await removeTree(temporary);
    }
  }

  #localResult(
    result: BuildResult,
    outputs: Outputs,
    document: NonNullable<BuildResult["manifest"]>["document"] | undefined,
  ): BuildResult {
    const { manifest, launch: _launch, label: _label, ...rest } = result;
    const path = outputs.manifest ?? join(dirname(outputs.artifact), basename(manifest?.path ?? ""));
    const { label } = this.#plugin;
    return {
      ...rest,
      ...(label !== undefined && { label }),
      isUnchanged: false,
      artifact: { ...result.artifact, path: outputs.artifact },
      ...(manifest !== undefined && document !== undefined && { manifest: { ...manifest, path, document } }),
    };
  }

  async #cancel(id: string): Promise<void> {
    const service = this.#options.elsewhere({ signal: AbortSignal.timeout(CANCEL_MS), log: () => {} }, this.#plugin);
    await service.cancel(id).catch(() => {}); // its time limit ends it
  }

  async #stage<T>(stage: string, title: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const at = { plugin: this.#label, stage };
    this.#tell({ type: "stage:start", ...at, title });
    try {
      const result = await work();
      this.#tell({ type: "stage:done", ...at, durationMs: performance.now() - started });
      return result;
    } catch (error) {
      const message = errorData(error).message;
      this.#tell({ type: "stage:failed", ...at, durationMs: performance.now() - started, message });
      throw error;
    }
  }

  #progress(stage: string, doneBytes: number, totalBytes: number | undefined): void {
    const total = totalBytes === undefined ? {} : { totalBytes };
    this.#tell({ type: "stage:progress", plugin: this.#label, stage, doneBytes, ...total });
  }

  #log(message: string): void {
    this.#tell({ type: "log", plugin: this.#label, message });
  }

  #tell(event: BuildEvent): void {
    this.#options.onEvent(event);
  }
}

/** Holes do not travel: a disk comes with all that it can have, whoever has built it. */
function isPreallocated(plugin: ResolvedPlugin): boolean {
  return plugin.strategy === "oci_rootfs" && "preallocate" in plugin.filesystem && plugin.filesystem.preallocate;
}

function wrongBytes(name: string): FledgeError {
  return new FledgeError("checksum", `what came of ${name} is not what the service says that it has built`, {
    hint: "nothing of it is kept; build again",
  });
}
