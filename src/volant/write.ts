import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { writeFileAtomically } from "../lib/files/atomic.ts";
import type { CommandLineBudget } from "./budget.ts";
import { checkManifest } from "./check.ts";
import type { Manifest } from "./schema.ts";
import { sortedRecord } from "./sorted.ts";

/** A manifest that Volant accepts, and its text; the same manifest gives the same text. */
export type SealedManifest = {
  readonly manifest: Manifest;
  readonly text: string;
  readonly budget: CommandLineBudget;
  readonly warnings: readonly Warning[];
};

/**
 * Checks a manifest, whoever changed it last, and puts it into its written form: keys in the fixed order, maps
 * sorted, 2 spaces, a newline at the end. Throws a `manifest` error with every problem.
 */
export function sealManifest(manifest: Manifest): SealedManifest {
  const check = checkManifest(manifest);
  if (check.problems.length > 0 || check.manifest === undefined || check.budget === undefined) {
    const [first, ...others] = check.problems;
    const count = others.length === 0 ? "" : ` (and ${others.length} more)`;
    throw new FledgeError("manifest", `Volant would refuse the manifest: ${first?.message}${count}`, {
      hint: first?.hint,
      problems: check.problems,
    });
  }
  const sealed = sorted(check.manifest);
  return {
    manifest: sealed,
    text: `${JSON.stringify(sealed, null, 2)}\n`,
    budget: check.budget,
    warnings: check.warnings,
  };
}

/** Writes the text of a sealed manifest beside its destination and renames it into place. Throws an `io` error. */
export async function writeManifest(path: string, { text }: Pick<SealedManifest, "text">): Promise<void> {
  await writeFileAtomically(path, text);
}

function sorted(manifest: Manifest): Manifest {
  const { workload, actions, labels } = manifest;
  return {
    ...manifest,
    workload: { ...workload, ...(workload.env && { env: sortedRecord(workload.env) }) },
    ...(actions && { actions: sortedRecord(actions) }),
    ...(labels && { labels: sortedRecord(labels) }),
  };
}
