import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Missing } from "./requirements.ts";

const UNPACK: Readonly<Record<string, string>> = { ".gz": "gzip", ".xz": "xz", ".zst": "zstd" };

export function requireModules(kernel: string | undefined): Missing {
  if (kernel !== undefined && existsSync(join(folderOf(kernel), "modules.dep"))) return undefined;
  return "needs the modules of a kernel: run test/setup.sh";
}

/**
 * Copies modules of a kernel (its bzImage) and what they need into `folder`, uncompressed; returns the names of the
 * files in the order in which to load them. What the kernel has built in is left out.
 */
export function copyModules(kernel: string, names: readonly string[], folder: string): string[] {
  const lines = readFileSync(join(folderOf(kernel), "modules.dep"), "utf8").split("\n");
  const all = lines.map((line) => line.split(/[: ]+/).filter((path) => path !== ""));
  const paths = new Set<string>();
  for (const name of names) {
    const found = all.find(([path = ""]) => nameOf(path) === name) ?? [];
    // modules.dep lists all that a module needs, what is to be loaded first last.
    for (const one of found.toReversed()) paths.add(one);
  }
  return [...paths].map((path) => {
    const file = `${nameOf(path)}.ko`;
    writeFileSync(join(folder, file), readModule(join(folderOf(kernel), path)));
    return file;
  });
}

function folderOf(kernel: string): string {
  return `/lib/modules/${basename(kernel).replace(/^vmlinuz-/, "")}`;
}

function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}

function readModule(path: string): Buffer {
  const program = UNPACK[/\.\w+$/.exec(path)?.[0] ?? ""];
  return program === undefined ? readFileSync(path) : execFileSync(program, ["-dc", path], { maxBuffer: 1 << 26 });
}
