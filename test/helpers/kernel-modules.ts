import { existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { modulesFor } from "../../src/boot/modules.ts";
import type { Missing } from "./requirements.ts";

export function requireModules(kernel: string | undefined): Missing {
  if (kernel !== undefined && existsSync(join(folderOf(kernel), "modules.dep"))) return undefined;
  return "needs the modules of a kernel: run test/setup.sh";
}

/**
 * Copies modules of a kernel (its bzImage) and what they need into `folder`, uncompressed; returns the names of the
 * files in the order in which to load them. What the kernel has built in is left out.
 */
export async function copyModules(kernel: string, names: readonly string[], folder: string): Promise<string[]> {
  const found = { path: kernel, from: "given", architecture: "amd64", modules: folderOf(kernel) } as const;
  const around = { env: process.env, signal: new AbortController().signal, cacheDir: folder };
  const modules = await modulesFor(found, names, around);
  return modules.map(({ name, data }) => {
    const file = `${name}.ko`;
    writeFileSync(join(folder, file), data);
    return file;
  });
}

function folderOf(kernel: string): string {
  return `/lib/modules/${basename(kernel).replace(/^vmlinuz-/, "")}`;
}
