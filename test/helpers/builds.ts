import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Digest, sha256 } from "../../src/lib/digest.ts";
import type { Manifest } from "../../src/volant/schema.ts";
import { type CliOptions, type CliResult, fledge } from "./cli.ts";
import { tempDir } from "./temp.ts";

export type BuildOptions = CliOptions & { readonly args?: readonly string[] };

export type Built = CliResult & {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly artifact: string;
  /** Of the artifact, as it lies on the disk. */
  digest(): Digest;
};

/** Runs `fledge build --verify` on a recipe given as JSON (or as the text of a fledge.toml); it may fail. */
export function tryBuild(recipe: object | string, { args = [], ...options }: BuildOptions = {}): Promise<CliResult> {
  const cwd = options.cwd ?? tempDir();
  if (typeof recipe === "string") writeFileSync(join(cwd, "fledge.toml"), recipe);
  else writeFileSync(join(cwd, "fledge.config.mjs"), `export default ${JSON.stringify(recipe)};`);
  return fledge(["build", "--verify", ...args], { ...options, cwd });
}

/** The same, where it must not fail and makes one artifact called `name`. */
export async function build(name: string, recipe: object | string, options: BuildOptions = {}): Promise<Built> {
  const folder = options.cwd ?? tempDir();
  const result = await tryBuild(recipe, { ...options, cwd: folder });
  expect(result.code, result.stderr).toBe(0);
  const manifest = JSON.parse(readFileSync(join(folder, `${name}.manifest.json`), "utf8")) as Manifest;
  const artifact = join(folder, (manifest.rootfs ?? manifest.initramfs)?.url ?? "");
  return { ...result, folder, manifest, artifact, digest: () => sha256(readFileSync(artifact)) };
}
