import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, loadPlugins } from "../../src/index.ts";
import { sha256 } from "../../src/lib/digest.ts";
import { pruneCache } from "../../src/store/manage.ts";
import { smallElf } from "../helpers/elf.ts";
import { makeImage, sampleLayers, writeImages } from "../helpers/images.ts";
import { tar } from "../helpers/tar-writer.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The two versions of the project's image: each build replaces what the other has made. */
export type Version = 0 | 1;

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string };

export type Victim = {
  /** Resolves when stderr matches, or when the command has ended. */
  said(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
};

export type Project = ReturnType<typeof makeProject>;

/** An OCI layout with two images of a few kilobytes, and a config for each that writes to one output folder. */
export function makeProject() {
  const folder = mkdtempSync(join(tmpdir(), "fledge-kills-"));
  chmodSync(folder, 0o755);
  const program = tar({ name: "srv/", type: "5" }, { name: "srv/app", data: smallElf(), mode: 0o755 });
  const images = [0, 1].map((version) => ({
    tag: `v${version}`,
    image: makeImage({ layers: [program, ...sampleLayers(`version ${version}`)], config: { Cmd: ["/srv/app"] } }),
  }));
  writeImages(join(folder, "layout"), images);
  writeFileSync(join(folder, "agent"), smallElf(), { mode: 0o755 });
  for (const { tag } of images) {
    mkdirSync(join(folder, tag));
    const config = [
      'strategy = "oci_rootfs"',
      'name = "web"',
      "[source]",
      `image = "oci:../layout:${tag}"`,
      "[agent]",
      'path = "../agent"',
      "[filesystem]",
      'headroom = "1M"',
      "journal = false",
      "preallocate = true",
    ];
    writeFileSync(join(folder, tag, "fledge.toml"), `${config.join("\n")}\n`);
  }
  const out = join(folder, "out");
  const cache = join(folder, "cache");

  return {
    folder,
    out,
    cache,
    artifact: join(out, "web-rootfs.img"),
    manifest: join(out, "web.manifest.json"),

    /** Builds in this process, which spares the start of the command; `failing` ends as soon as it has begun. */
    async build(version: Version, { outDir = out, cacheDir = cache, failing = false } = {}): Promise<void> {
      const [plugin] = await loadPlugins({ cwd: join(folder, `v${version}`), outDir });
      if (plugin === undefined) throw new Error("the config has no plugin");
      if (failing) await build(plugin, { cacheDir, signal: AbortSignal.abort() }).catch(() => {});
      else await build(plugin, { cacheDir });
    },

    /** Starts the built command, be it by way of another program. */
    start(args: readonly string[], version: Version = 0, via: readonly string[] = [], env: object = {}): Victim {
      const [program = "", ...argv] = [...via, process.execPath, CLI, ...args];
      return watch(program, argv, join(folder, `v${version}`), { FLEDGE_CACHE_DIR: cache, ...env });
    },

    startBuild(version: Version, via: readonly string[] = [], env: object = {}): Victim {
      return this.start(["build", "-o", `${out}/`], version, via, env);
    },
  };
}

function watch(program: string, argv: readonly string[], cwd: string, env: object): Victim {
  const child = spawn(program, argv, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stderr }));
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (pattern.test(stderr)) resolve();
      };
      child.stderr.on("data", check);
      child.on("close", () => resolve());
      check();
    });
  return { said, kill: (signal) => void child.kill(signal), ended };
}

/** Digests of what a folder's artifact and manifest hold, or that they are absent. */
export function stateOf({ artifact, manifest }: Pick<Project, "artifact" | "manifest">): string {
  return [artifact, manifest].map((path) => (existsSync(path) ? sha256(readFileSync(path)) : "absent")).join(" ");
}

/** What each version's artifact and manifest are, after builds that nothing has disturbed. */
export async function statesOf(project: Project): Promise<readonly [string, string]> {
  const states: string[] = [];
  for (const version of [1, 0] as const) {
    await project.build(version);
    states.unshift(stateOf(project));
  }
  return states as unknown as [string, string];
}

/** A file that takes the space of a disk. */
export const FILLER = "filler";
const EXPECTED: readonly string[] = ["web-rootfs.img", "web.manifest.json", FILLER];

/** Names beside the artifact that no finished build leaves. */
export function strayIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => !EXPECTED.includes(name));
}

/** Files that stay in the cache although nothing uses it and all of it was pruned. */
export async function strayInCache(cache: string): Promise<string[]> {
  await pruneCache(cache);
  // What is known of the artifacts in place stays as long as they do.
  return filesIn(cache).filter((file) => !/\/builds\/\w+\/(build\.json|digests|names\.gz)$/.test(file));
}

export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}
