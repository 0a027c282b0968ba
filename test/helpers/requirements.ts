import { findOnPath } from "../../src/lib/tools.ts";

/** For `describe.skipIf`: true when a tool is missing. In CI a missing tool fails the run instead. */
export function requireTools(...names: string[]): boolean {
  const missing = names.filter((name) => findOnPath(name, process.env) === undefined);
  return lacking(missing.length > 0, `missing tools: ${missing.join(", ")}`);
}

/** For `describe.skipIf`: true when the tests do not run as root. */
export function requireRoot(): boolean {
  return lacking(process.getuid?.() !== 0, "not root");
}

function lacking(isMissing: boolean, what: string): boolean {
  if (isMissing && process.env.CI) throw new Error(`CI must run every test: ${what}`);
  return isMissing;
}
