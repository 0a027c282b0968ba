import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errnoOf } from "../errors.ts";

/**
 * `mkdir -p`, one by one; `onMade` hears of each that was not there. Node's own `recursive` goes round for ever where a
 * folder cannot be made in one that is there, as below /proc. Throws what the system says.
 */
export async function makeFolders(folder: string, onMade: (folder: string) => void = () => {}): Promise<void> {
  const path = resolve(folder);
  try {
    await makeOne(path, onMade);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolders(dirname(path), onMade);
    await makeOne(path, onMade);
  }
}

async function makeOne(path: string, onMade: (folder: string) => void): Promise<void> {
  try {
    await mkdir(path);
    onMade(path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    // It says so of a file too.
    if (!(await stat(path)).isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
  }
}
