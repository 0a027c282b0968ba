import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { CONFIG_NAMES, findManifest } from "../config/find.ts";
import { mergeValues } from "../config/merge.ts";
import { loadPlugins } from "../config/project.ts";
import { type LayerInput, layerSchema } from "../config/schema.ts";
import { translateFledgeToml, translateManifestToml } from "../config/toml/read.ts";
import type { Env, Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { existingPaths, writeNewFiles } from "../lib/files/new-files.ts";
import { placeComments } from "./comments.ts";
import { withoutDefaults } from "./defaults.ts";
import { renderConfig } from "./render.ts";

const CONFIG = "fledge.config.ts";

/** What `migrateProject` turns into a config, and whether it writes it. */
export type MigrateOptions = {
  /** The folder that has a fledge.toml, or the file. Default the working folder. */
  readonly dir?: string;
  /** Write nothing. Default false. */
  readonly dryRun?: boolean;
  /** Default `process.env`. */
  readonly env?: Env;
};

/** The config that `migrateProject` made, and what became of the rest. */
export type MigrateResult = {
  /** The fledge.config.ts. */
  readonly file: string;
  readonly text: string;
  /** The files that it replaces; they are left where they are. */
  readonly replaces: readonly string[];
  /** What of them is not in it. */
  readonly dropped: readonly Warning[];
};

/**
 * Writes a fledge.config.ts beside a fledge.toml, which says the same as that and its manifest.toml. A config that is
 * there already is never written over. Throws `config` errors for a TOML that fledge would not build.
 */
export async function migrateProject(options: MigrateOptions = {}): Promise<MigrateResult> {
  const env = options.env ?? process.env;
  const toml = tomlIn(resolve(options.dir ?? "."));
  const cwd = dirname(toml);
  if (!options.dryRun) await assertNoConfig(cwd);
  // Before it is translated: what does not load has nothing that could stay the same.
  const [plugin] = await loadPlugins({ cwd, configFile: toml, env });
  if (plugin === undefined) throw new FledgeError("internal", `${toml} has no plugin`);

  const manifestToml = findManifest(toml);
  const manifest = manifestToml === undefined ? undefined : await translateManifestToml(manifestToml);
  const config = await translateFledgeToml(toml);
  // A preset may have said the strategy, but definePlugin wants to know.
  const merged = {
    ...(mergeValues(layerSchema, manifest?.values, config.values) as LayerInput),
    strategy: plugin.strategy,
  };
  const { placed, lost } = placeComments(merged, [...config.comments, ...(manifest?.comments ?? [])]);
  // Who commented on a default cares for it.
  const values = await withoutDefaults(merged, plugin, { cwd, env, isKept: placed.isAround });
  const text = renderConfig(values, placed);
  if (!options.dryRun) await writeNewFiles(cwd, [{ path: CONFIG, data: text }]);
  return {
    file: join(cwd, CONFIG),
    text,
    replaces: [toml, ...(manifestToml === undefined ? [] : [manifestToml])],
    dropped: [
      ...config.warnings,
      ...(manifest?.warnings ?? []),
      ...lost.map((comment) => ({ message: `a comment about what a config does not have: ${comment}` })),
    ],
  };
}

function tomlIn(place: string): string {
  const stat = statSync(place, { throwIfNoEntry: false });
  const file = stat?.isDirectory() ? join(place, "fledge.toml") : place;
  if (statSync(file, { throwIfNoEntry: false })?.isFile() && file.endsWith(".toml")) return file;
  throw new FledgeError("config", `there is no fledge.toml at ${place}`, {
    hint: "name the folder that has one; fledge init begins a new project",
  });
}

async function assertNoConfig(folder: string): Promise<void> {
  const typed = CONFIG_NAMES.filter((name) => !name.endsWith(".toml"));
  const [taken] = await existingPaths(folder, typed);
  if (taken === undefined) return;
  throw new FledgeError("usage", `${folder} has a ${basename(taken)} already; nothing was written`, {
    hint: "--dry-run prints what fledge migrate would write",
  });
}
