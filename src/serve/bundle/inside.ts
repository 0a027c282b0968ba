import { isAbsolute, relative } from "node:path";

/** Whether a path is a folder, or is below it. */
export function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside === "" || (inside !== ".." && !inside.startsWith("../") && !isAbsolute(inside));
}
