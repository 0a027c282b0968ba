import { delimiter } from "node:path";
import { describe } from "vitest";
import { findOnPath } from "../../src/lib/process/tools.ts";

/** Why a suite cannot run on this machine; undefined when it can. */
export type Missing = string | undefined;

// A plain user's PATH on Debian lacks the folders where mkfs, debugfs and losetup live.
const PATH = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter);

/** Programs that a test runs. */
export function requireTools(...names: readonly string[]): Missing {
  const absent = names.filter((name) => findOnPath(name, { PATH }) === undefined);
  return absent.length === 0 ? undefined : `needs ${absent.join(", ")}: run test/setup.sh`;
}

/** For what only root may do: mounts, device nodes, files of other owners. */
export function requireRoot(): Missing {
  return process.getuid?.() === 0 ? undefined : "needs root";
}

/**
 * The first reason among `needs` to skip a suite, for `describe.skipIf(unmet(...) !== undefined)`.
 * Throws instead when CI is set: there, everything is run.
 */
export function unmet(...needs: readonly Missing[]): Missing {
  const missing = needs.find((need) => need !== undefined);
  if (missing !== undefined && process.env.CI) throw new Error(`this suite may not be skipped in CI: ${missing}`);
  return missing;
}

/** A suite that is listed as skipped, with the reason in its title, where one of `needs` is missing; in CI it fails. */
export function describeWith(title: string, needs: readonly Missing[], body: () => void): void {
  const missing = unmet(...needs);
  if (missing === undefined) describe(title, body);
  else describe.skip(`${title} (${missing})`, body);
}
