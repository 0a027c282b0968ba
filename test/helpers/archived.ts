import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** The text of a file in a cpio archive, plain or compressed with gzip, as GNU cpio reads it; undefined when it is not there. */
export function archived(archive: string, path: string): string | undefined {
  const bytes = readFileSync(archive);
  const options = { input: archive.endsWith(".gz") ? gunzipSync(bytes) : bytes, maxBuffer: 2 ** 30 };
  const names = spawnSync("cpio", ["-it", "--quiet"], options).stdout.toString().split("\n");
  if (!names.includes(path)) return undefined;
  return spawnSync("cpio", ["-i", "--quiet", "--to-stdout", path], options).stdout.toString();
}
