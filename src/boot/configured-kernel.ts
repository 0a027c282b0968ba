import type { ResolvedPlugin } from "../contract/plugin.ts";
import { fetchKernel } from "../guest/kernel/kernel.ts";
import { kernelIn } from "../guest/kernel/options.ts";
import { contextOutside, epochFrom, type Warning } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { holdToLock } from "../lock/hold.ts";
import type { Surroundings } from "./contract.ts";

type How = { readonly frozen: boolean | undefined; readonly warnings: Warning[] };

/** The file of the kernel that a recipe names, fetched as fledge.lock has it; undefined for one that names none. */
export async function configuredKernel(
  recipe: ResolvedPlugin,
  around: Surroundings,
  { frozen, warnings }: How,
): Promise<string | undefined> {
  const kernel = kernelIn(recipe.guest);
  if (kernel === undefined) return undefined;
  const disposer = new Disposer();
  const shared = { ...around, epoch: epochFrom(around.env), disposer };
  const ctx = contextOutside(shared, { warn: (warning) => void warnings.push(warning) });
  try {
    const { locks, warnings: own } = await holdToLock(recipe, ctx, { frozen, use: "boot" });
    warnings.push(...own);
    return (await fetchKernel(kernel, { ...ctx, baseDir: recipe.baseDir, locks })).path;
  } finally {
    await disposer.dispose();
  }
}
