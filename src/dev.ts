import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type BuildAllOptions, buildAll } from "./build.ts";
import type { Project } from "./config/project.ts";
import { labelOf, type ResolvedPlugin } from "./contract/plugin.ts";
import { type ErrorData, errorData, FledgeError } from "./lib/errors.ts";
import { PathWatcher } from "./lib/files/watch.ts";
import { isCovered, type WatchedPath } from "./lib/files/watched.ts";
import { LOCK_NAME } from "./lock/file.ts";
import type { BuildEvent } from "./pipeline/events.ts";
import { isOutput, watchedPaths } from "./pipeline/watched.ts";

/** What `dev` says beside the events of its builds; paths are absolute. */
export type DevEvent =
  | BuildEvent
  /** These files are new, gone or different. */
  | { readonly type: "dev:change"; readonly files: readonly string[] }
  /** A config cannot be read; its plugins are built again when it can. */
  | { readonly type: "dev:error"; readonly error: ErrorData }
  | { readonly type: "dev:build"; readonly plugins: readonly string[] }
  /** All is built that can be, and the next change is waited for. `durationMs` counts from the change. */
  | {
      readonly type: "dev:idle";
      readonly built: readonly string[];
      /** Those of `built` of which nothing had to be written. */
      readonly unchanged: readonly string[];
      readonly failed: readonly string[];
      readonly durationMs: number;
    }
  /** Folders cannot be watched (`reason` says why) and are looked at every second. */
  | { readonly type: "dev:polling"; readonly reason: string };

/** What `dev` takes: how the config is read, how it ends, and how each build is done. */
export type DevOptions = Omit<BuildAllOptions, "onEvent" | "signal"> & {
  /** Reads the config, at the start and whenever it changes: `(onRead) => loadProject({ onRead })`. */
  load(onRead: (file: string) => void): Promise<Project>;
  /** Ends it. */
  readonly signal: AbortSignal;
  onEvent(event: DevEvent): void;
};

/**
 * Builds the plugins of a project, and builds again what a change touches: its config with all that it imports, and
 * `watchedPaths`. A change during a build stops it when it is about what is being built. Errors are events; it throws
 * when the config cannot be found to begin with, and returns when `signal` fires.
 */
export async function dev(options: DevOptions): Promise<void> {
  const session = new Session(options);
  try {
    await session.run();
  } finally {
    session.close();
  }
}

type Round = { readonly controller: AbortController; readonly unfinished: Map<string, ResolvedPlugin> };

class Session {
  readonly #options: DevOptions;
  readonly #watcher: PathWatcher;
  readonly #changed = new Set<string>();
  #project: Project = { file: "", members: [], watched: [] };
  /** Names of plugins that have to be built. */
  readonly #pending = new Set<string>();
  /** Changes that came while the project could not be read. */
  #carried: readonly string[] = [];
  #round: Round | undefined;
  #notify: () => void = () => {};
  readonly #stop = (): void => this.#notify();

  constructor(options: DevOptions) {
    this.#options = options;
    this.#watcher = new PathWatcher({
      onChange: (paths) => this.#noteChange(paths),
      onPolling: (reason) => options.onEvent({ type: "dev:polling", reason }),
    });
  }

  close(): void {
    this.#watcher.close();
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    let started = performance.now();
    this.#project = await this.#load();
    for (const plugin of pluginsIn(this.#project)) this.#pending.add(labelOf(plugin));
    this.#reportErrors();
    while (!signal.aborted) {
      await this.#watcher.watch(watchList(this.#project));
      if (this.#changed.size === 0) await this.#build(started);
      if (this.#changed.size === 0) await this.#nextChange();
      if (signal.aborted) return;
      started = performance.now();
      await this.#takeChanges();
    }
  }

  #load(): Promise<Project> {
    return this.#options.load((file) => this.#watcher.note(file));
  }

  #reportErrors(): void {
    for (const { error } of this.#project.members) if (error !== undefined) this.#reportError(error);
  }

  #reportError(error: unknown): void {
    this.#options.onEvent({ type: "dev:error", error: errorData(error) });
  }

  #noteChange(paths: readonly string[]): void {
    for (const path of paths) this.#changed.add(path);
    const { controller, unfinished } = this.#round ?? {};
    const isOfRound = (path: string): boolean =>
      isConfig(this.#project, path) || [...(unfinished?.values() ?? [])].some((plugin) => reads(plugin, path));
    if (paths.some(isOfRound)) controller?.abort(new FledgeError("aborted", "its inputs have changed"));
    this.#notify();
  }

  /** Until something has changed, or the end. */
  async #nextChange(): Promise<void> {
    const { signal } = this.#options;
    await new Promise<void>((resolve) => {
      this.#notify = resolve;
      signal.addEventListener("abort", this.#stop);
      if (signal.aborted || this.#changed.size > 0) resolve();
    });
    signal.removeEventListener("abort", this.#stop);
  }

  /** Reads the config again if it has changed, and finds out what is to be built. */
  async #takeChanges(): Promise<void> {
    const files = [...this.#changed].sort();
    this.#changed.clear();
    this.#options.onEvent({ type: "dev:change", files });
    const before = this.#project;
    this.#carried = [...this.#carried, ...files];
    if (files.some((file) => isConfig(before, file))) {
      try {
        this.#project = await this.#load();
      } catch (error) {
        return this.#reportError(error);
      }
      this.#reportErrors();
    }
    for (const name of touched(this.#project, before, this.#carried)) this.#pending.add(name);
    this.#carried = [];
  }

  async #build(started: number): Promise<void> {
    const { load: _load, signal, onEvent, ...options } = this.#options;
    const plugins = pluginsIn(this.#project).filter((plugin) => this.#pending.has(labelOf(plugin)));
    const round: Round = {
      controller: new AbortController(),
      unfinished: new Map(plugins.map((plugin) => [labelOf(plugin), plugin])),
    };
    const failed: string[] = [];
    const unchanged: string[] = [];
    const onBuildEvent = (event: BuildEvent): void => {
      if (round.controller.signal.aborted) return;
      if (event.type === "build:failed") failed.push(event.plugin);
      if (event.type === "build:done" && event.result.isUnchanged) unchanged.push(event.plugin);
      if (event.type === "build:done" || event.type === "build:failed") {
        round.unfinished.delete(event.plugin);
        this.#pending.delete(event.plugin);
      }
      onEvent(event);
    };
    this.#round = round;
    if (plugins.length > 0) onEvent({ type: "dev:build", plugins: plugins.map(labelOf) });
    try {
      const stop = AbortSignal.any([signal, round.controller.signal]);
      await buildAll(plugins, { ...options, signal: stop, onEvent: onBuildEvent });
    } catch (error) {
      this.#pending.clear();
      this.#reportError(error);
    } finally {
      this.#round = undefined;
    }
    if (signal.aborted || round.controller.signal.aborted) return;
    const built = plugins.map(labelOf).filter((name) => !failed.includes(name));
    onEvent({ type: "dev:idle", built, unchanged, failed, durationMs: performance.now() - started });
  }
}

function pluginsIn({ members }: Project): ResolvedPlugin[] {
  return members.flatMap(({ plugins }) => plugins);
}

/** The plugins that changed files are about, and those that were not there before. */
function touched(project: Project, before: Project, files: readonly string[]): string[] {
  const known = new Set(pluginsIn(before).map(idOf));
  return project.members.flatMap((member) => {
    const isRead = files.some((file) => member.reads.includes(file));
    const isTouched = (plugin: ResolvedPlugin): boolean =>
      isRead || !known.has(idOf(plugin)) || files.some((file) => reads(plugin, file));
    return member.plugins.filter(isTouched).map(labelOf);
  });
}

function idOf(plugin: ResolvedPlugin): string {
  return `${plugin.configFile}\0${labelOf(plugin)}`;
}

function reads(plugin: ResolvedPlugin, file: string): boolean {
  return inputsOf(plugin).some((watched) => isCovered(watched, file));
}

/** The lock where one would be written; a change of one further up counts with the next build. */
function inputsOf(plugin: ResolvedPlugin): WatchedPath[] {
  return [...watchedPaths(plugin), { path: join(plugin.root ?? plugin.baseDir, LOCK_NAME) }];
}

function isConfig({ members, watched }: Project, file: string): boolean {
  return members.some(({ reads }) => reads.includes(file)) || watched.some((path) => isCovered(path, file));
}

/** All that a project is made of, without what its own builds write. */
function watchList(project: Project): WatchedPath[] {
  const plugins = pluginsIn(project);
  const isOwn = isOutput(plugins);
  const inputs = plugins.flatMap(inputsOf).map((watched): WatchedPath => {
    const { path, accepts = () => true } = watched;
    return { ...watched, accepts: (inside, isFolder) => !isOwn(`${path}/${inside}`) && accepts(inside, isFolder) };
  });
  const configs = project.members.flatMap((member) => member.reads.map((path): WatchedPath => ({ path })));
  return distinct([...configs, ...project.watched, ...inputs]);
}

/** Two plugins may read one file; folders differ in what counts. */
function distinct(paths: readonly WatchedPath[]): WatchedPath[] {
  const files = new Set<string>();
  return paths.filter(({ path, accepts }) => accepts !== undefined || (!files.has(path) && files.add(path)));
}
