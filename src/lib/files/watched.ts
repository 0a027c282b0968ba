import { isAbsolute, relative } from "node:path";

/** A file, or a folder with what is below it, that something is made of; it need not exist. */
export type WatchedPath = {
  readonly path: string;
  /** For a folder, which of what is below it counts: `path` is relative to the folder. Default everything. */
  accepts?(path: string, isFolder: boolean): boolean;
  /** Folders are looked into, and do not count themselves. */
  readonly onlyFiles?: boolean;
};

/** Whether a file or folder is the watched one or counts among what is below it. */
export function isCovered(by: WatchedPath, path: string): boolean {
  if (path === by.path) return true;
  const inside = relative(by.path, path);
  if (inside === "" || inside.startsWith("..") || isAbsolute(inside)) return false;
  if (by.accepts === undefined) return true;
  const parts = inside.split("/");
  const folders = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("/"));
  return folders.every((folder) => by.accepts?.(folder, true)) && by.accepts(inside, false);
}
