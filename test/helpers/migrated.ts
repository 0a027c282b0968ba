import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { loadPlugins } from "../../src/config/project.ts";
import type { ResolvedPlugin } from "../../src/contract/plugin.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { migrateProject } from "../../src/migrate/migrate.ts";
import { plan } from "../../src/pipeline/plan.ts";

const env = {};

/**
 * Migrates the fledge.toml of a folder and expects the same plugin and the same plan, while the TOML files are there and
 * without them. The folder is as it was afterwards. Returns the text of the config.
 */
export async function expectSameMigrated(cwd: string): Promise<string> {
  const original = await load(cwd);
  const { file, text, replaces, dropped } = await migrateProject({ dir: cwd, env });
  try {
    expect(comparable(await load(cwd))).toEqual(comparable(original));
    for (const path of replaces) renameSync(path, `${path}.old`);
    const migrated = await load(cwd);
    expect(migrated.configFile).toBe(join(cwd, "fledge.config.ts"));
    expect(comparable(migrated)).toEqual(comparable(original));
    // What was said of the TOML is said by the migration, once.
    expect(migrated.warnings).toEqual([]);
    expect(dropped).toEqual(expect.arrayContaining([...original.warnings]));
  } finally {
    for (const path of replaces) renameSync(`${path}.old`, path);
    rmSync(file);
  }
  return text;
}

async function load(cwd: string): Promise<ResolvedPlugin> {
  const [plugin] = await loadPlugins({ cwd, env });
  if (plugin === undefined) throw new Error("nothing was loaded");
  return plugin;
}

function comparable({ configFile: _file, notes: _notes, warnings: _warnings, ...recipe }: ResolvedPlugin): unknown {
  return { recipe, plan: planned({ ...recipe, notes: [], warnings: [] } as ResolvedPlugin) };
}

/** A plan as data, or why there is none: not every recipe that loads can be built. */
function planned(plugin: ResolvedPlugin): unknown {
  try {
    return JSON.parse(JSON.stringify(plan(plugin)));
  } catch (error) {
    return messageOf(error);
  }
}
