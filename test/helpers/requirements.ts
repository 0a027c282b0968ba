import { spawnSync } from "node:child_process";
import { findOnPath } from "../../src/lib/tools.ts";

/** What a test may need of the machine; a tool by its name, or root that may mount. */
export type Requirement = "root" | (string & {});

/**
 * For `describe.skipIf`: true where something is missing. In CI nothing may be missing, so there it throws instead,
 * and the suite fails.
 */
export function isMissing(...requirements: readonly Requirement[]): boolean {
  const missing = requirements.filter((name) => !isThere(name));
  if (missing.length > 0 && process.env.CI === "true") {
    throw new Error(`these tests need ${missing.join(", ")}, and in CI they may not be skipped`);
  }
  return missing.length > 0;
}

function isThere(name: Requirement): boolean {
  if (name !== "root") return findOnPath(name, process.env) !== undefined;
  return process.getuid?.() === 0 && spawnSync("losetup", ["--find"], { stdio: "ignore" }).status === 0;
}
