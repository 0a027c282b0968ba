import type { RootfsTree } from "../rootfs/tree.ts";
import type { Command } from "../volant/input.ts";
import { resolveEntrypoint } from "../volant/workload.ts";
import { workloadSources } from "./manifest-input.ts";
import type { BuildState } from "./planned-stage.ts";

/** Where a bare name is looked for when nothing sets PATH: the value that container engines give. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the guest will run: the config's word, else the image's, else what the recipe lets one conclude. */
export function commandOf(state: BuildState): Command {
  const { plugin, image } = state;
  const words = resolveEntrypoint(
    { options: plugin.manifest, ...workloadSources(state) },
    { warnings: [], notes: [] },
  ).map((word) => word.trim());
  const workdir = (plugin.manifest.workload?.workdir ?? image?.workdir ?? "").trim();
  return {
    words: words.filter((word) => word !== ""),
    ...(workdir !== "" && { workdir: workdir.startsWith("/") ? workdir : `/${workdir}` }),
    path: pathOf(state),
  };
}

function pathOf({ plugin, image }: BuildState): Command["path"] {
  const { workload, env } = plugin.manifest;
  const candidates = [
    [workload?.env?.PATH, "manifest.workload.env"],
    [env?.PATH, "manifest.env"],
    [image?.env.PATH, "the image's Env"],
  ] as const;
  for (const [value, origin] of candidates) if (value !== undefined) return { value: value.trim(), origin };
  return { value: DEFAULT_PATH, origin: "the default" };
}

/**
 * The absolute path of a command's program, found as execvp(3) does: a name with a slash is a path from the working
 * folder, another the first on PATH that can be run. Undefined when no folder of PATH has it.
 */
export function findProgram(rootfs: RootfsTree, { words: [name], workdir = "/", path }: Command): string | undefined {
  if (name === undefined) return undefined;
  if (name.includes("/")) return name.startsWith("/") ? name : joined(workdir, name);
  const folders = path.value.split(":").filter((folder) => folder.startsWith("/"));
  const found = folders.map((folder) => joined(folder, name)).filter((candidate) => exists(rootfs, candidate));
  return found.find((candidate) => isExecutable(rootfs, candidate)) ?? found[0];
}

/** Names that stand for nothing are left out; ".." stays, since where it leads depends on symlinks. */
function joined(folder: string, name: string): string {
  const names = `${folder}/${name}`.split("/").filter((part) => part !== "" && part !== ".");
  return `/${names.join("/")}`;
}

/** A folder of PATH may be no folder, or a loop of links: nothing is found there, as in a guest. */
function exists(rootfs: RootfsTree, path: string): boolean {
  try {
    return rootfs.exists(path);
  } catch {
    return false;
  }
}

function isExecutable(rootfs: RootfsTree, path: string): boolean {
  const { type, mode } = rootfs.stat(path);
  return type === "file" && (mode & 0o111) !== 0;
}
