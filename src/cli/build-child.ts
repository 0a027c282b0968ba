import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { baselineFileOf } from "../budget/baseline.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { FledgeError } from "../lib/errors.ts";
import { LOCK_NAME } from "../lock/file.ts";
import type { BuildEvent } from "../pipeline/events.ts";
import { isInside } from "../serve/bundle/inside.ts";
import type { ChildJob } from "../serve/child.ts";
import { onInterrupt, watchProcess } from "./interrupt.ts";
import { reportError } from "./render/error.ts";
import { printJson } from "./terminal.ts";

const job = JSON.parse(process.argv[2] ?? "") as ChildJob;

/** How often a stage says how far it is: each time is a line of a log that is kept. */
const PROGRESS_MS = 250;
const told = new Map<string, number>();

watchProcess();
const signal = onInterrupt();
// Who has started this keeps its stdin open: when that ends, whatever has ended it, so does all of this.
process.stdin.on("close", () => process.kill(-process.pid, "SIGKILL")).resume();
try {
  const [{ loadPlugins }, { buildAll }] = await Promise.all([import("../config/project.ts"), import("../build.ts")]);
  const { request, cacheDir } = job;
  const plugin = redirected(theOne(await loadPlugins(loadOptions(job))));
  if (job.declarative !== undefined) await confine(plugin);
  const { verify, force, frozen, offline } = request;
  const options = { verify, force, offline, cacheDir, ...(frozen && { frozen }) };
  const { failures } = await buildAll([plugin], { ...options, signal, jobs: 1, onEvent: tell });
  process.exitCode = failures.length > 0 ? 1 : 0;
} catch (error) {
  reportError(error, { json: true, verbose: false });
  process.exitCode = 1;
}
// What a config or a hook left running must not keep it from ending.
process.stdout.write("", () => process.exit());

function loadOptions({ folder, config, manifest, request, declarative }: ChildJob) {
  const { plugin, platform, mode } = request;
  return {
    cwd: folder,
    mode,
    ...(config !== undefined && { configFile: config }),
    ...(manifest !== undefined && { manifestFile: join(folder, manifest) }),
    ...(plugin !== undefined && { names: [plugin] }),
    ...(platform !== undefined && { platform }),
    ...(declarative !== undefined && { declarative, onRead: assertInside }),
  };
}

function theOne(plugins: readonly ResolvedPlugin[]): ResolvedPlugin {
  const [first] = plugins;
  if (first === undefined || plugins.length > 1) {
    const names = plugins.map(({ label, name }) => label ?? name).join(", ");
    throw new FledgeError("usage", `a build is of one plugin for one platform, and this would be ${plugins.length}`, {
      hint: `name a plugin and a platform: ${names}`,
    });
  }
  if (first.strategy === "oci_rootfs" && first.filesystem.type === "dir") {
    throw new FledgeError("usage", `"${first.name}" is built as a folder, which cannot be sent`, {
      hint: 'filesystem.type "tar" makes one file of it',
    });
  }
  return first;
}

function redirected(plugin: ResolvedPlugin): ResolvedPlugin {
  const { outFile: _outFile, manifestFile: _manifestFile, ...rest } = plugin;
  return { ...rest, outDir: job.outDir } as ResolvedPlugin;
}

/** Data may name any file, and what is behind a symlink; only the project's own are its to have. */
async function confine(plugin: ResolvedPlugin): Promise<void> {
  const { inputPaths } = await import("../pipeline/watched.ts");
  const folders = [plugin.baseDir, plugin.root ?? plugin.baseDir];
  const besides = folders.flatMap((folder) => [join(folder, LOCK_NAME), baselineFileOf({ baseDir: folder })]);
  for (const path of [...inputPaths(plugin).map((input) => input.path), ...besides]) assertInside(path);
}

/** Before it is read. */
function assertInside(path: string): void {
  if (isInside(realOf(job.folder), realOf(path))) return;
  throw new FledgeError("config", `${path} is outside of the project, where a declarative build may read nothing`, {
    hint: "put it into the project, or have it fetched by URL and checksum",
  });
}

/** Of what does not exist that of the nearest folder that does. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : realOf(dirname(path));
  }
}

function tell(event: BuildEvent): void {
  if (event.type === "stage:progress") {
    const key = `${event.plugin}\0${event.stage}\0${event.item ?? ""}`;
    const now = Date.now();
    const isLast = event.doneBytes === event.totalBytes;
    if (!isLast && now - (told.get(key) ?? 0) < PROGRESS_MS) return;
    told.set(key, now);
  }
  printJson(event);
}
