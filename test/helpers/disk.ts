import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImagerContext } from "../../src/contract/imager.ts";

/** The context of an imager that nobody watches. */
export function quietContext(signal: AbortSignal = new AbortController().signal): ImagerContext {
  return { signal, env: {}, progress: () => {}, warn: () => {}, log: () => {} };
}

/** Runs a program; returns its output, or throws with all it said. */
export function run(command: string, args: readonly string[], { cwd }: { readonly cwd?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, cwd });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** A folder that is gone when the body ends. */
export async function withFolder<T>(body: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-disk-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Mounts the image and hands its folder to the body; unmounts whatever happens. */
export async function withMount<T>(
  image: string,
  mode: "ro" | "rw",
  body: (mountPoint: string) => Promise<T> | T,
  filesystem = "ext4",
): Promise<T> {
  return withFolder(async (mountPoint) => {
    run("mount", ["-t", filesystem, "-o", `loop,${mode}`, image, mountPoint]);
    try {
      return await body(mountPoint);
    } finally {
      run("umount", [mountPoint]);
    }
  });
}
