import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { childEnv, runChild } from "../../../src/serve/child.ts";
import { requestSchema } from "../../../src/serve/request.ts";
import { isRunning } from "../../helpers/processes.ts";
import { tempDir } from "../../helpers/temp.ts";

/** A program in the place of the one that builds. */
async function run(
  code: string,
  { ms = 60_000, onEvent = () => {} }: { ms?: number; onEvent?: (event: object) => void } = {},
) {
  const folder = tempDir();
  const program = join(folder, "program.mjs");
  writeFileSync(program, code);
  const job = { folder, request: requestSchema.parse({ plugin: "web" }), outDir: folder, cacheDir: folder };
  const events: object[] = [];
  const ended = runChild(job, {
    ...{ program: [process.execPath, program], id: `test-${folder}`, signal: AbortSignal.timeout(ms) },
    env: { PATH: process.env.PATH },
    onEvent: (event) => {
      events.push(event);
      onEvent(event);
    },
  });
  return { ended, events, folder };
}

const say = (event: object) => `console.log(${JSON.stringify(JSON.stringify(event))});`;

test("hands on what a build says, its result, and all else as a log", async () => {
  const result = { name: "web" };
  const { ended, events } = await run(
    `${say({ type: "stage:start", plugin: "web", stage: "a", title: "A" })} console.log("by hand"); console.error("{broken"); ${say({ type: "build:done", plugin: "web", result })}`,
  );
  expect(await ended).toEqual(result);
  expect(events.slice(0, 1)).toEqual([{ type: "stage:start", plugin: "web", stage: "a", title: "A" }]);
  expect(events).toContainEqual({ type: "log", plugin: "web", message: "by hand" });
  expect(events).toContainEqual({ type: "log", plugin: "web", message: "{broken" });
});

test("throws what the build has failed with, and says when it was killed", async () => {
  const error = { code: "config", message: "no", hint: "do", problems: [{ message: "this", file: "a.ts" }] };
  await expect((await run(say({ type: "error", ...error }))).ended).rejects.toMatchObject(error);
  await expect((await run('process.kill(process.pid, "SIGKILL");')).ended).rejects.toMatchObject({
    message: expect.stringContaining("SIGKILL"),
  });
  await expect((await run("process.exit(0);")).ended).rejects.toMatchObject({ code: "internal" });
});

test("a loop that hears nothing is ended within a second, with what it has started in another session", async () => {
  const code = `
    import { spawn } from "node:child_process";
    import { writeFileSync } from "node:fs";
    const child = spawn("setsid", ["sleep", "1000"], { stdio: "inherit", detached: true });
    writeFileSync("pid", String(child.pid));
    process.on("SIGTERM", () => {});
    for (;;);`;
  const { ended, folder } = await run(code, { ms: 1500 });
  const started = performance.now();
  await expect(ended).rejects.toMatchObject({ code: "aborted" });
  expect(performance.now() - started).toBeLessThan(1500 + 1500);
  const pid = readFileSync(join(folder, "pid"), "utf8");
  await expect.poll(() => isRunning(pid)).toBe(false);
});

test("a build of which nothing can be written down any more is ended", async () => {
  const full = new Error("disk full");
  const { ended } = await run(`setInterval(() => {}, 1000); ${say({ type: "log", plugin: "web", message: "x" })}`, {
    onEvent: () => {
      throw full;
    },
  });
  await expect(ended).rejects.toBe(full);
});

test("the environment of a build is short", () => {
  const env = { PATH: "/bin", LC_ALL: "C", FLEDGE_TOKEN: "secret", AWS_SECRET: "x", CI: "1", EXTRA: "y" };
  expect(childEnv(env, ["EXTRA"], { sourceDateEpoch: 7 })).toEqual({
    PATH: "/bin",
    LC_ALL: "C",
    EXTRA: "y",
    SOURCE_DATE_EPOCH: "7",
  });
  expect(childEnv(env, [])).toEqual({ PATH: "/bin", LC_ALL: "C" });
});
