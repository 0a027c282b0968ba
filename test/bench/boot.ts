import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { inTempDir, median } from "./measure.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = join(ROOT, "dist/cli/main.js");
const RUNS = 3;

/** From the command to the first line of the guest: fledge, and QEMU alone with the same kernel and arguments. */
export async function benchBoot(): Promise<void> {
  console.log(`\nboot: seconds to the guest's first line, medians of ${RUNS}`);
  await inTempDir(async (folder) => {
    const env = { ...process.env, FLEDGE_CACHE_DIR: join(folder, "cache") };
    const fledge = (...args: string[]) =>
      execFileSync(process.execPath, [CLI, ...args], { cwd: ROOT, env, encoding: "utf8" });
    fledge("build", "examples/hello", "-o", `${folder}/`, "-q");
    const artifact = join(folder, "hello.cpio.gz");
    const [program = "", ...args] = JSON.parse(fledge("boot", artifact, "--print", "--json")) as string[];
    const bare = withArtifact(args, artifact);
    const rounds: (readonly [fledge: number, qemu: number])[] = [];
    for (let run = 0; run < RUNS; run++) {
      const ours = await secondsToOutput(process.execPath, [CLI, "boot", artifact, "-q"], env);
      rounds.push([ours, await secondsToOutput(program, bare, env)]);
    }
    const [ours, theirs] = [median(rounds.map(([one]) => one)), median(rounds.map(([, one]) => one))];
    console.log(`  fledge boot ${ours.toFixed(2)} s, QEMU ${theirs.toFixed(2)} s: ${(ours / theirs).toFixed(2)} times`);
  });
}

/** Without the sockets that fledge hands over, and with an initramfs that is there. */
function withArtifact(args: readonly string[], artifact: string): string[] {
  const pairs = args.map((arg, index) => (args[index - 1] === "-initrd" ? artifact : arg));
  const isFledges = (arg: string | undefined): boolean => arg !== undefined && /^socket,id=qmp|^chardev=qmp/.test(arg);
  return pairs
    .filter((arg, index) => !isFledges(arg) && !isFledges(pairs[index + 1]))
    .map((arg) => arg.replace(/ rdinit=\S+/, ""));
}

async function secondsToOutput(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "ignore"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const seconds = (performance.now() - started) / 1000;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await ended;
  return seconds;
}
