import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isFledgeError } from "../../src/lib/errors.ts";
import { FILLER, filesIn, makeProject, type Project, stateOf, statesOf, strayIn } from "./project.ts";
import type { Run } from "./tally.ts";

/** A pid namespace of its own, as a container has it; `--kill-child` takes what is in it along. */
const CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const PAGE_BYTES = 4096;

/** Two builds of one output in two containers at once; every other time one of them is killed. */
export async function buildInNamespaces({ times, random, tally }: Run): Promise<void> {
  const project = makeProject();
  const states = await statesOf(project);
  for (let i = 0; i < times; i++) {
    const victims = ([0, 1] as const).map((version) => project.startBuild(version, CONTAINER));
    const isKilled = i % 2 === 1;
    if (isKilled) {
      await victims[0]?.said(/Fetch/);
      await sleep(random(1500));
      victims[0]?.kill("SIGKILL");
    }
    const [first, second] = await Promise.all(victims.map(({ ended }) => ended));
    const what = `pair ${i}`;
    if (isKilled) tally.count(first?.signal === "SIGKILL" ? "pairs of which one was killed" : "pairs that ended first");
    else tally.count("pairs");
    if (!isKilled) tally.expect(`${what}: exit code`, first?.code, 0);
    tally.expect(`${what}: exit code ${second?.stderr}`, second?.code, 0);
    if (isKilled && strayIn(project.out).some((name) => name.endsWith(".undo"))) {
      // Killed after the other one was done: it is the next build that puts things right.
      tally.count("set aside by a killed container");
      await project.startBuild(1, CONTAINER).ended;
    }
    tally.expect(`${what}: one of the two`, states.includes(stateOf(project)), true);
    // What the killed one was writing is beside it until its container can be told to be gone.
    const stray = strayIn(project.out);
    if (isKilled && stray.length > 0) tally.count("temporary files of a killed container");
    const kept = isKilled ? stray.filter((name) => !name.endsWith(".tmp")) : stray;
    tally.expect(`${what}: left beside it`, kept, []);
    for (const name of stray) rmSync(join(project.out, name), { recursive: true });
  }
  rmSync(project.folder, { recursive: true });
}

/** Disks on which less is free than is needed, for the cache and for the output, with each number of pages near the end. */
export async function fillDisks({ tally }: Run): Promise<void> {
  const project = makeProject();
  const states = await statesOf(project);
  const imageBytes = statSync(project.artifact).size;
  await onDisk(project.cache, async (leave) => {
    for (let free = 0; ; free += 16 * PAGE_BYTES) {
      rmSync(join(project.cache, "layers"), { recursive: true, force: true });
      leave(free);
      if (await fits(project, `cache with ${free}`, states, tally)) return;
    }
  });
  await onDisk(project.out, async (leave) => {
    await project.build(0);
    const steps = [0, 1, 2, 3, 4, 5, 6, 7].map((eighths) => Math.floor((imageBytes * eighths) / 8 / PAGE_BYTES));
    const nearEnd = Array.from({ length: 32 }, (_, pages) => Math.ceil(imageBytes / PAGE_BYTES) - 8 + pages);
    for (const pages of [...steps, ...nearEnd]) {
      leave(pages * PAGE_BYTES);
      if (await fits(project, `output with ${pages} pages`, states, tally)) return;
    }
    tally.expect("a disk that all fits on", false, true);
  });
  rmSync(project.folder, { recursive: true });
}

/** Builds the other version; where it does not fit, the error says so and all is as it was. */
async function fits(project: Project, what: string, states: readonly string[], tally: Run["tally"]): Promise<boolean> {
  const before = stateOf(project);
  const version = states.indexOf(before) === 0 ? 1 : 0;
  const error = await project.build(version).then(() => undefined, failureOf);
  tally.count(error === undefined ? "fitting" : stageOf(error));
  if (error !== undefined) tally.expect(`${what}: says so: ${error}`, /the disk is full/.test(error), true);
  tally.expect(`${what}: the outputs`, stateOf(project), error === undefined ? states[version] : before);
  tally.expect(`${what}: left beside them`, strayIn(project.out), []);
  const inUse = ["staging", "leases", "locks"].flatMap((name) => filesIn(join(project.cache, name)));
  tally.expect(`${what}: left in the cache`, inUse, []);
  return error === undefined;
}

function stageOf(error: string): string {
  const where = /cache/.test(error) ? "cache" : /manifest\.json/.test(error) ? "manifest" : "image";
  return `full disks at the ${where}`;
}

function failureOf(error: unknown): string {
  return isFledgeError(error) ? error.message : `no error of fledge's: ${String(error)}`;
}

type Leave = (freeBytes: number) => void;

/** Lends a small disk at `folder`; a file on it takes all but what is to be left free. */
async function onDisk(folder: string, work: (leave: Leave) => Promise<void>): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", folder]);
  try {
    await work((freeBytes) => {
      const filler = join(folder, FILLER);
      rmSync(filler, { force: true });
      const blocks = execFileSync("stat", ["-f", "-c", "%f", folder], { encoding: "utf8" });
      const fill = Number(blocks) * PAGE_BYTES - freeBytes;
      writeFileSync(filler, Buffer.alloc(Math.max(0, fill)));
    });
  } finally {
    execFileSync("umount", [folder]);
  }
}

/** Builds of root and of nobody with one cache: whoever owns it, the image is right, or the error says what to do. */
export async function shareCache({ tally }: Run): Promise<void> {
  for (const owner of ["root", "nobody"] as const) {
    for (const mode of [0o777, 0o755, 0o700]) {
      const project = makeProject();
      const states = await statesOf(project);
      rmSync(project.cache, { recursive: true });
      mkdirSync(project.cache);
      chmodSync(project.cache, mode);
      const chown = (path: string, who: string): void => {
        if (who === "nobody") execFileSync("chown", ["65534:65534", path]);
      };
      chown(project.cache, owner);
      for (const [turn, user] of [owner, owner === "root" ? "nobody" : "root", owner].entries()) {
        rmSync(project.out, { recursive: true });
        mkdirSync(project.out);
        chown(project.out, user);
        const version = (turn % 2) as 0 | 1;
        const { code, stderr } = await project.startBuild(version, user === "nobody" ? NOBODY : [], { HOME: "/" })
          .ended;
        const what = `${user} on the cache of ${owner}, ${mode.toString(8)}, turn ${turn}`;
        tally.count(code === 0 ? "right images" : "refusals");
        const isRefused = /error cannot (?:use|write to) the cache .*: permission denied\n {2}hint /.test(stderr);
        if (code === 0) tally.expect(`${what}: image`, stateOf(project), states[version]);
        else tally.expect(`${what}: says why: ${stderr}`, [isRefused, user], [true, "nobody"]);
        tally.expect(`${what}: left beside it`, strayIn(project.out), []);
        const inUse = ["staging", "leases", "locks"].flatMap((name) => filesIn(join(project.cache, name)));
        tally.expect(`${what}: left in the cache`, inUse, []);
      }
      rmSync(project.folder, { recursive: true });
    }
  }
}

/** Every file of a cache with one bit changed, its size and times as they were: the right image, or an error. */
export async function flipCache({ times, random, tally }: Run): Promise<void> {
  const project = makeProject();
  const states = await statesOf(project);
  const good = join(project.folder, "good");
  cpSync(project.cache, good, { recursive: true, preserveTimestamps: true });
  const files = filesIn(good).map((file) => file.slice(good.length + 1));
  for (const file of files) {
    for (let i = 0; i < times; i++) {
      rmSync(project.cache, { recursive: true });
      cpSync(good, project.cache, { recursive: true, preserveTimestamps: true });
      const path = join(project.cache, file);
      const { atime, mtime } = statSync(path);
      const bytes = readFileSync(path);
      const at = i === 0 ? 0 : i === 1 ? bytes.length - 1 : random(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random(8));
      writeFileSync(path, bytes);
      utimesSync(path, atime, mtime);
      const before = stateOf(project);
      const version = (i % 2) as 0 | 1;
      const error = await project.build(version).then(() => undefined, failureOf);
      const what = `byte ${at} of ${file}`;
      tally.count(error === undefined ? "right images" : "errors");
      tally.expect(`${what}: outputs ${error ?? ""}`, stateOf(project), error === undefined ? states[version] : before);
      if (error !== undefined) tally.expect(`${what}: an error`, error.startsWith("no error of fledge's"), false);
      tally.expect(`${what}: left beside them`, strayIn(project.out), []);
    }
  }
  tally.count("files", files.length);
  rmSync(project.folder, { recursive: true });
}
