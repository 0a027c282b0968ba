import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { smallElf } from "./elf.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export type FarmPlaces = { readonly url: string; readonly store: string };

/** The command while it runs, outside of a test runner. */
export type FarmProcess = {
  readonly pid: number;
  /** Lines of `--json`. */
  events(): readonly { readonly type: string; readonly [key: string]: unknown }[];
  /** Resolves when stdout matches, or when the command has ended. */
  said(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
};

/** A workspace of small disks; `./content` is in each, and may be written anew. */
export function farmWorkspace(cwd: string, names: readonly string[]): void {
  mkdirSync(join(cwd, "root/bin"), { recursive: true });
  writeFileSync(join(cwd, "root/bin/app"), smallElf(), { mode: 0o755 });
  writeFileSync(join(cwd, "content"), "first\n");
  writeFileSync(
    join(cwd, "fledge.config.mjs"),
    `export default ${JSON.stringify(names)}.map((name) => ({
  name, version: "1.0.0", strategy: "oci_rootfs", source: { dir: "./root" }, mappings: { "./content": "/etc/content" },
  filesystem: { type: "ext4", size: "8M" },
  manifest: { workload: { entrypoint: ["/bin/app"], baseUrl: "http://127.0.0.1:80" } },
}));
`,
  );
}

/** A worker of one build at once, with a cache and a folder for its builds below `home`. */
export function startWorker({ url, store }: FarmPlaces, home: string): FarmProcess {
  mkdirSync(home, { recursive: true });
  const args = ["worker", "--json", "--queue", url, "--store", store, "--jobs", "1", "--lost-after", "3s"];
  return start([...args, "--work", home], home, home);
}

/** Has a farm build a workspace, with a cache below `home`. */
export function startBuild({ url, store }: FarmPlaces, cwd: string, out: string, home: string): FarmProcess {
  return start(["build", "--json", "--queue", url, "--store", store, "-o", `${out}/`], cwd, home);
}

function start(args: readonly string[], cwd: string, home: string): FarmProcess {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: home, FLEDGE_CACHE_DIR: join(home, "cache") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return {
    pid: child.pid ?? 0,
    events: () =>
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    said: (pattern) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (pattern.test(stdout)) resolve();
        };
        child.stdout.on("data", check);
        child.on("close", () => resolve());
        check();
      }),
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stderr }));
    }),
  };
}
