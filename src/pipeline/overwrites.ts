import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FledgeError } from "../lib/errors.ts";
import type { Plan } from "./plan.ts";
import { assertReplaceable } from "./replace.ts";
import { watchedPaths } from "./watched.ts";

/** Throws, before any work, when a build would be written over something that is not an earlier build of it. */
export async function assertOutputs({ plugin, outputs }: Plan): Promise<void> {
  const { configFile, source } = plugin;
  const inputs = watchedPaths(plugin).map(({ path }) => path);
  if (configFile !== undefined) inputs.push(configFile);
  if (source !== undefined && "dockerfile" in source) inputs.push(source.dockerfile);
  for (const [key, output] of Object.entries(outputs)) {
    await assertReplaceable(output, key === "manifest");
    const place = placeOf(output);
    const input = inputs.find((path) => [placeOf(path), realOf(path)].some((one) => isAtOrBelow(one, place)));
    if (input === undefined) continue;
    throw new FledgeError("config", `the ${key} ${output} would replace ${input}, from which it is built`, {
      hint: "write elsewhere: fledge build -o FOLDER, or outDir",
    });
  }
}

/** Its name in the folder where it really is; a symlink stays one, since that is what would be replaced. */
function placeOf(path: string): string {
  return join(realOf(dirname(path)), basename(path));
}

function realOf(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path === dirname(path) ? path : placeOf(path);
  try {
    return realpathSync(path);
  } catch {
    return path; // a dangling symlink
  }
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
