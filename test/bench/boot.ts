import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { ratio } from "./history.ts";
import { inTempDir, median } from "./measure.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = join(ROOT, "dist/cli/main.js");
const RUNS = 5;
/** What the init of the guest says, with its clock. */
const MARK = /userspace after ([\d.]+) s/;

type Run = () => Promise<number>;

/**
 * From the command to the first line of the guest: fledge, and QEMU alone with the same kernel and arguments. And by the
 * guest's own clock, which counts instructions there, until its init runs, with an initramfs of fledge's and one made by
 * hand: by that of this machine two boots of the same differ by a third.
 */
export async function benchBoot(): Promise<void> {
  console.log(`\nboot: seconds, medians of ${RUNS}`);
  await inTempDir(async (folder) => {
    const env = { ...process.env, FLEDGE_CACHE_DIR: join(folder, "cache") };
    const fledge = (...args: string[]) =>
      execFileSync(process.execPath, [CLI, ...args], { cwd: ROOT, env, encoding: "utf8" });
    fledge("build", "examples/hello", "-o", `${folder}/`, "-q");
    const hello = join(folder, "hello.cpio.gz");
    const [program = "", ...args] = JSON.parse(fledge("boot", hello, "--print", "--json")) as string[];
    const bare = withArtifact(args, hello);
    await compare("fledge boot / QEMU, to the first line", [
      () => secondsUntil(/./, process.execPath, [CLI, "boot", hello, "-q"], env),
      () => secondsUntil(/./, program, bare, env),
    ]);
    makeMinimal(folder);
    fledge("build", join(folder, "fledge.config.mjs"), "-q");
    const boot = (artifact: string) => async () => {
      const counting = [...withArtifact(args, join(folder, artifact)), "-icount", "shift=1,sleep=off"];
      const { said } = await startUntil(MARK, program, counting, env);
      return Number(MARK.exec(said)?.[1]);
    };
    await compare("initramfs of fledge / by hand, to its init", [boot("minimal.cpio.gz"), boot("by-hand.cpio.gz")]);
  });
}

async function compare(name: string, [ours, theirs]: readonly [Run, Run]): Promise<void> {
  const rounds: (readonly [number, number])[] = [];
  for (let run = 0; run < RUNS; run++) rounds.push([await ours(), await theirs()]);
  const [one, other] = [median(rounds.map(([one]) => one)), median(rounds.map(([, one]) => one))];
  console.log(`  ${name}: ${one.toFixed(2)} s, ${other.toFixed(2)} s: ${ratio(`boot: ${name}`, one / other)} times`);
}

/** BusyBox, the usual mounts and an init that says so, as a recipe and as one makes it by hand. */
function makeMinimal(folder: string): void {
  const init = `#!/bin/busybox sh\nread now _ </proc/uptime\necho "userspace after $now s"\nexec /bin/busybox poweroff -f\n`;
  writeFileSync(join(folder, "init"), init, { mode: 0o755 });
  const mounts = ["proc:proc", "sysfs:sys", "devtmpfs:dev", "devpts:dev/pts", "tmpfs:tmp", "tmpfs:run"]
    .map((one) => one.split(":"))
    .map(([type, at]) => `/bin/busybox mkdir -p /${at}\n/bin/busybox mount -t ${type} ${type} /${at}\n`);
  const byHand = `#!/bin/busybox sh\n${mounts.join("")}exec /run-this\n`;
  writeFileSync(join(folder, "by-hand"), byHand, { mode: 0o755 });
  const config = `{ name: "minimal", strategy: "initramfs", busybox: { path: "/bin/busybox" }, init: { path: "./init" } }`;
  writeFileSync(join(folder, "fledge.config.mjs"), `export default ${config};\n`);
  const script = `
    mkdir -p root/bin root/dev; cp /bin/busybox root/bin/; cp init root/run-this; cp by-hand root/init
    mknod root/dev/console c 5 1
    cd root; find . | cpio -o -H newc --quiet | gzip -9 > ../by-hand.cpio.gz`;
  execFileSync("sh", ["-ec", script], { cwd: folder });
}

/** Without the sockets that fledge hands over, and with an initramfs that is there. */
function withArtifact(args: readonly string[], artifact: string): string[] {
  const pairs = args.map((arg, index) => (args[index - 1] === "-initrd" ? artifact : arg));
  const isFledges = (arg: string | undefined): boolean => arg !== undefined && /^socket,id=qmp|^chardev=qmp/.test(arg);
  return pairs
    .filter((arg, index) => !isFledges(arg) && !isFledges(pairs[index + 1]))
    .map((arg) => arg.replace(/ rdinit=\S+/, ""));
}

async function secondsUntil(...of: Parameters<typeof startUntil>): Promise<number> {
  return (await startUntil(...of)).seconds;
}

/** From the start of a program until it has said something. */
async function startUntil(
  what: RegExp,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly seconds: number; readonly said: string }> {
  const started = performance.now();
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "ignore"] });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.once("close", () => reject(new Error(`${program} ended: ${said}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
      if (what.test(said)) resolve();
    });
  });
  const seconds = (performance.now() - started) / 1000;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await ended;
  return { seconds, said };
}
