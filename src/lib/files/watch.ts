import { type FSWatcher, type Stats, statSync, watch } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { errnoOf } from "../errors.ts";
import { isCovered, type WatchedPath } from "./watched.ts";

export type WatcherOptions = {
  /** Told of the files and folders that are new, gone or different, sorted. */
  onChange(paths: readonly string[]): void;
  /** Told once when folders cannot be watched any more, and are looked at every second instead. */
  onPolling(reason: string): void;
};

/** Editors write in several steps; this much quiet ends a change, and a noisy folder cannot put it off for longer. */
const QUIET_MS = 60;
const LONGEST_WAIT_MS = 500;
const POLL_MS = 1000;

/**
 * Watches files and folders, there or not. The kernel's events only say when to look: what changed is told by comparing
 * what is there with what was there before, so that an atomic rename, a file that is deleted and comes back, and new
 * folders are all the same, and nothing is lost while something else is going on. Folders are watched one by one, with
 * those above what is missing.
 */
export class PathWatcher {
  readonly #options: WatcherOptions;
  readonly #folders = new Map<string, { readonly inode: number; readonly watcher: FSWatcher }>();
  #paths: readonly WatchedPath[] = [];
  #seen = new Map<string, string>();
  /** What symbolic links on the list lead to. */
  readonly #targets = new Set<string>();
  #work: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #firstEventMs = 0;
  #poll: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Remembers what a file is like at this moment, before it is on the list: it is about to be read. */
  note(path: string): void {
    if (!this.#seen.has(path)) this.#seen.set(path, signature(statSync(path, { throwIfNoEntry: false })));
  }

  /** Replaces the list. What was known before, and has changed since, is told. */
  async watch(paths: readonly WatchedPath[]): Promise<void> {
    await this.#queue(() => this.#look(paths));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  /** One look at a time; a failed one does not keep the next from being taken. */
  #queue(work: () => Promise<void>): Promise<void> {
    const next = this.#work.then(work);
    this.#work = next.catch(() => {});
    return next;
  }

  #wake(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    if (this.#timer === undefined) this.#firstEventMs = now;
    clearTimeout(this.#timer);
    const left = Math.max(0, LONGEST_WAIT_MS - (now - this.#firstEventMs));
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#queue(() => this.#look(this.#paths)).catch(() => this.#wake());
      },
      Math.min(QUIET_MS, left),
    );
  }

  async #look(paths: readonly WatchedPath[]): Promise<void> {
    const before = this.#paths;
    this.#paths = paths;
    const now = new Map<string, string>();
    const folders = new Set<string>();
    this.#targets.clear();
    for (const path of paths) await this.#visit(path, now, folders);
    if (this.#isClosed) return;
    for (const [folder, { watcher }] of this.#folders) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    const changed = differences({ paths: before, seen: this.#seen }, { paths, seen: now });
    this.#seen = now;
    if (changed.length > 0) this.#options.onChange(changed);
  }

  async #visit(watched: WatchedPath, now: Map<string, string>, folders: Set<string>): Promise<void> {
    const { path } = watched;
    await this.#listenAbove(path, folders);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return await this.#visitFolder(watched, path, now, folders);
    now.set(path, signature(found));
    // Behind a symbolic link the file changes in its own folder.
    const real = found && (await realpath(path).catch(() => path));
    if (real === undefined || real === path) return;
    this.#targets.add(real);
    await this.#listenAbove(real, folders);
  }

  async #visitFolder(
    watched: WatchedPath,
    folder: string,
    now: Map<string, string>,
    folders: Set<string>,
  ): Promise<void> {
    const { accepts = () => true, onlyFiles = false } = watched;
    // Before it is read: what comes later wakes us.
    this.#listen(folder, await stat(folder).catch(() => undefined), folders);
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      const isFolder = entry.isDirectory();
      if (!accepts(relative(watched.path, path), isFolder)) continue;
      if (!(isFolder && onlyFiles)) now.set(path, signature(await lstat(path).catch(() => undefined)));
      if (isFolder) await this.#visitFolder(watched, path, now, folders);
    }
  }

  /** Watches the folder of a path, or the nearest one above that is there. */
  async #listenAbove(path: string, folders: Set<string>): Promise<void> {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const found = await stat(folder).catch(() => undefined);
      if (found?.isDirectory()) return this.#listen(folder, found, folders);
      if (folder === dirname(folder)) return;
    }
  }

  #listen(folder: string, found: Stats | undefined, folders: Set<string>): void {
    if (found === undefined || this.#isClosed) return;
    folders.add(folder);
    const known = this.#folders.get(folder);
    if (known?.inode === found.ino) return;
    known?.watcher.close();
    try {
      const watcher = watch(folder, { persistent: true }, (_, name) => {
        if (name === null || this.#concerns(join(folder, name)) || !this.#isThere(folder)) this.#wake();
      });
      watcher.on("error", () => this.#wake());
      this.#folders.set(folder, { inode: found.ino, watcher });
    } catch (error) {
      this.#folders.delete(folder);
      if (errnoOf(error) !== "ENOENT") this.#startPolling(error);
    }
  }

  /** Whether an event is about something on the list, or a folder on the way to it; the rest is noise. */
  #concerns(path: string): boolean {
    if (this.#targets.has(path)) return true;
    return this.#paths.some(
      (watched) => isCovered(watched, path) || watched.path.startsWith(`${path}/`) || isFolderOf(watched, path),
    );
  }

  #isThere(folder: string): boolean {
    const found = statSync(folder, { throwIfNoEntry: false });
    return found !== undefined && found.ino === this.#folders.get(folder)?.inode;
  }

  /** Out of inotify watches (ENOSPC, EMFILE), or a file system that has none. */
  #startPolling(error: unknown): void {
    if (this.#poll !== undefined) return;
    this.#options.onPolling(errnoOf(error) ?? String(error));
    this.#poll = setInterval(() => this.#wake(), POLL_MS);
  }
}

type Look = { readonly paths: readonly WatchedPath[]; readonly seen: ReadonlyMap<string, string> };

/** What both looks were about and is not the same in them. */
function differences(before: Look, after: Look): string[] {
  const changed: string[] = [];
  for (const [path, now] of after.seen) {
    const then = before.seen.get(path);
    if (then === undefined ? before.paths.some((watched) => isCovered(watched, path)) : then !== now)
      changed.push(path);
  }
  for (const path of before.seen.keys()) {
    if (!after.seen.has(path) && after.paths.some((watched) => isCovered(watched, path))) changed.push(path);
  }
  return changed.sort();
}

/** What tells a file from the one that was there before. A folder's own times change with what is in it, which is seen anyway. */
function signature(found: Stats | undefined): string {
  if (found === undefined) return "absent";
  const { mode, uid, gid, ino, size, mtimeMs } = found;
  return found.isDirectory() ? `folder ${mode} ${uid} ${gid}` : `${mode} ${uid} ${gid} ${ino} ${size} ${mtimeMs}`;
}

function isFolderOf(watched: WatchedPath, path: string): boolean {
  return watched.accepts?.(relative(watched.path, path), true) === true && path.startsWith(`${watched.path}/`);
}
