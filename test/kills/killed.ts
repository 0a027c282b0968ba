import { existsSync, readdirSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  filesIn,
  makeProject,
  type Project,
  stateOf,
  statesOf,
  strayIn,
  strayInCache,
  type Version,
  type Victim,
} from "./project.ts";
import type { Run } from "./tally.ts";

type Command = {
  /** Before each run: what the cache is to hold. */
  prepare(project: Project): Promise<void> | void;
  start(project: Project, version: Version): Victim;
  /** When its work begins: before it, there is nothing to disturb. */
  begun(project: Project, victim: Victim): Promise<void>;
};

const fill = async (project: Project): Promise<void> => {
  for (const version of [0, 1] as const) await project.build(version, { outDir: join(project.folder, "elsewhere") });
};

const COMMANDS = {
  cold: {
    prepare: ({ cache }) => rmSync(cache, { recursive: true, force: true }),
    start: (project, version) => project.startBuild(version),
    begun: ({ cache }, victim) => Promise.race([appears(cache), victim.ended.then(() => {})]),
  },
  warm: {
    prepare: fill,
    start: (project, version) => project.startBuild(version),
    begun: (_, victim) => victim.said(/Find out/),
  },
  publish: {
    prepare: fill,
    start: (project, version) => project.startBuild(version),
    begun: ({ out }, victim) => Promise.race([changes(out), victim.ended.then(() => {})]),
  },
  prune: {
    prepare: fill,
    start: (project) => project.start(["cache", "prune"]),
    begun: ({ cache }, victim) => Promise.race([changes(join(cache, "staging")), victim.ended.then(() => {})]),
  },
} satisfies Record<string, Command>;

/** SIGKILL at a moment between where the command begins its work and where it usually ends. */
export async function killAtRandom(name: keyof typeof COMMANDS, { times, random, tally }: Run): Promise<void> {
  const command: Command = COMMANDS[name];
  const project = makeProject();
  const states = await statesOf(project);
  const medianMs = await medianOf(command, project);
  tally.count(`ms is the median of ${name}`, Math.round(medianMs));
  let before = stateOf(project);
  for (let i = 0; i < times; i++) {
    const version = (states.indexOf(before) === 0 ? 1 : 0) as Version;
    await command.prepare(project);
    const victim = command.start(project, version);
    await command.begun(project, victim);
    await sleep((random(1000) / 1000) * medianMs);
    victim.kill("SIGKILL");
    const { signal } = await victim.ended;
    tally.count(signal === "SIGKILL" ? `killed in ${name}` : `ended first in ${name}`);
    const what = `${name} ${i}`;
    const found = stateOf(project);
    const isWhole = found === before || found === states[version];
    if (!isWhole) {
      // Between the two renames, or before the manifest is there: what was set aside is beside it.
      tally.count("set aside when killed");
      tally.expect(
        `${what}: what was set aside`,
        readdirSync(project.out).some((one) => one.endsWith(".undo")),
        true,
      );
    }
    // Whatever the next build comes to, the old artifact is there again, or the new one.
    await project.build(version, { failing: true });
    const recovered = stateOf(project);
    tally.expect(`${what}: recovered`, recovered === before || recovered === states[version], true);
    await project.build(version);
    before = stateOf(project);
    tally.expect(`${what}: the next build`, before, states[version]);
    tally.expect(`${what}: left beside it`, strayIn(project.out), []);
    tally.expect(`${what}: left in the cache`, await strayInCache(project.cache), []);
  }
  rmSync(project.folder, { recursive: true });
}

/** Signals that ask to end: the command says so with its exit code, and has cleaned up by then. */
export async function stopAtRandom(signal: "SIGTERM" | "SIGHUP", { times, random, tally }: Run): Promise<void> {
  const project = makeProject();
  const states = await statesOf(project);
  const command: Command = COMMANDS.cold;
  const medianMs = await medianOf(COMMANDS.cold, project);
  for (let i = 0; i < times; i++) {
    const before = stateOf(project);
    const version = (states.indexOf(before) === 0 ? 1 : 0) as Version;
    await command.prepare(project);
    const victim = command.start(project, version);
    await command.begun(project, victim);
    await sleep((random(1000) / 1000) * medianMs);
    victim.kill(signal);
    const { code } = await victim.ended;
    const what = `${signal} ${i}`;
    tally.count(code === 0 ? `ended before ${signal}` : `stopped by ${signal}`);
    if (code !== 0) tally.expect(`${what}: exit code`, code, signal === "SIGTERM" ? 143 : 129);
    tally.expect(`${what}: outputs`, stateOf(project), code === 0 ? states[version] : before);
    tally.expect(`${what}: left beside them`, strayIn(project.out), []);
    const inUse = ["staging", "leases", "locks"].flatMap((name) => filesIn(join(project.cache, name)));
    tally.expect(`${what}: left in the cache`, inUse, []);
  }
  rmSync(project.folder, { recursive: true });
}

/** From the beginning of its work to its end. */
async function medianOf(command: Command, project: Project): Promise<number> {
  const tookMs: number[] = [];
  for (const version of [1, 0, 1] as const) {
    await command.prepare(project);
    const victim = command.start(project, version);
    await command.begun(project, victim);
    const begun = performance.now();
    const { code, stderr } = await victim.ended;
    if (code !== 0) throw new Error(`the command fails when nothing disturbs it:\n${stderr}`);
    tookMs.push(performance.now() - begun);
  }
  return tookMs.sort((a, b) => a - b)[1] as number;
}

async function appears(path: string): Promise<void> {
  while (!existsSync(path)) await sleep(1);
}

function changes(folder: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder, () => {
      watcher.close();
      resolve();
    });
  });
}
