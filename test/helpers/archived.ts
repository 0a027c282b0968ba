import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The text of a file in an uncompressed cpio archive, as GNU cpio reads it; undefined when it is not there. */
export function archived(archive: string, path: string): string | undefined {
  const options = { input: readFileSync(archive), maxBuffer: 2 ** 30 };
  const names = spawnSync("cpio", ["-it", "--quiet"], options).stdout.toString().split("\n");
  if (!names.includes(path)) return undefined;
  return spawnSync("cpio", ["-i", "--quiet", "--to-stdout", path], options).stdout.toString();
}
