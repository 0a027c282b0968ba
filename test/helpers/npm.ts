import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository, as a package. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** Runs npm or a program that it installed, and returns what it said on stdout; throws with all of it. */
export function run(cwd: string, program: string, ...args: readonly string[]): string {
  const env = { ...process.env, FLEDGE_CACHE_DIR: join(cwd, "cache"), NODE_OPTIONS: "" };
  try {
    return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  }
}

/** Packs a package, and returns the tarball; what it needs built is built already, and others may be running it. */
export function pack(folder: string, into: string): string {
  const [packed] = JSON.parse(run(folder, "npm", "pack", "--ignore-scripts", "--json", "--pack-destination", into));
  return join(into, packed.filename);
}

export function install(cwd: string, ...packages: readonly string[]): void {
  run(cwd, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", ...packages);
}
