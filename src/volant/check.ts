import { readFile } from "node:fs/promises";
import type { Warning } from "../lib/context.ts";
import { errnoOf, FledgeError, type Problem } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { type ArtifactFindings, checkArtifact } from "./artifact.ts";
import { budgetFinding, type CommandLineBudget, commandLineBudget } from "./budget.ts";
import { describeIssue, describeMismatch, type LocatedProblem } from "./describe.ts";
import { type JsonSource, readJson } from "./json-source.ts";
import { type Manifest, manifestSchema } from "./schema.ts";
import { manifestWarnings } from "./warnings.ts";

/** All that is wrong with a manifest, at once. `manifest` is there when no rule of the schema is broken. */
export type ManifestCheck = {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
  readonly manifest?: Manifest;
  readonly budget?: CommandLineBudget;
};

export type CheckOptions = {
  /** Named in every problem. */
  readonly file?: string;
  /** Finds the line and column of each problem. */
  readonly source?: JsonSource;
};

/** Applies every rule of Volant to a decoded manifest; never throws. */
export function checkManifest(document: unknown, { file, source }: CheckOptions = {}): ManifestCheck {
  const parsed = manifestSchema.safeParse(document, { error: describeMismatch });
  if (!parsed.success) {
    const found = parsed.error.issues.flatMap((issue) => describeIssue(issue, document));
    return { problems: found.map((problem) => locate(problem, file, source)), warnings: [] };
  }
  const budget = commandLineBudget(parsed.data);
  const { problem, warning } = budgetFinding(budget);
  return {
    problems: problem === undefined ? [] : [locate({ ...problem, path: [] }, file, source)],
    warnings: [...manifestWarnings(parsed.data), ...(warning === undefined ? [] : [warning])],
    manifest: parsed.data,
    budget,
  };
}

/**
 * Checks a manifest on disk. With `artifacts`, also that the file which a plain path names is there (else a warning)
 * and has the checksum that the manifest gives. Throws an `io` error for a file that cannot be read and a `manifest`
 * error for one that is not JSON.
 */
export async function checkManifestFile(path: string, options: { artifacts?: boolean } = {}): Promise<ManifestCheck> {
  const source = await parseManifestFile(path);
  const check = checkManifest(source.value, { file: path, source });
  if (options.artifacts !== true || check.manifest === undefined) return check;
  const findings: ArtifactFindings = await checkArtifact(check.manifest, path);
  const known = new Set(findings.warnings.map(({ message }) => message));
  return {
    ...check,
    problems: [...check.problems, ...findings.problems.map((problem) => locate(problem, path, source))],
    // The file says more of what is missing than the manifest alone.
    warnings: [...check.warnings.filter(({ message }) => !known.has(message)), ...findings.warnings],
  };
}

/** Reads a manifest as JSON. Throws an `io` error, or a `manifest` error at `file:line:column`. */
export async function parseManifestFile(path: string): Promise<JsonSource> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const failure = ioError(error, "read", path);
    if (errnoOf(error) !== "ENOENT") throw failure;
    const hint = "check the path; the manifest of a config is there once fledge build has written it";
    throw new FledgeError("io", failure.message, { hint, cause: error });
  });
  return readJson(text, path);
}

function locate({ path, ...problem }: LocatedProblem, file?: string, source?: JsonSource): Problem {
  return { ...problem, ...(file === undefined ? {} : { file }), ...source?.locate(path) };
}
