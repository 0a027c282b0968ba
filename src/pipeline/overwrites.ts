import { FledgeError } from "../lib/errors.ts";
import { placeOf, realOf } from "./outputs.ts";
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

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
