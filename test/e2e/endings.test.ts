import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CLI, startFledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { tar } from "../helpers/tar-writer.ts";

// However a command ends before its time: nothing is left, no stack is shown, and the exit code says why.

/** Builds in a moment, or waits with the artifact written when WAIT is set. */
function slowProject(): string {
  return project({
    app: "#!/bin/sh\n",
    "fledge.config.ts": `export default {
      strategy: "oci_rootfs", name: "web", source: { dir: "./root" },
      filesystem: { type: "tar" },
      hooks: {
        "rootfs:ready": ({ warn }) => warn({ message: ${JSON.stringify(HOSTILE)} }),
        "image:written": ({ log }) => {
          log("written");
          return process.env.WAIT ? new Promise((resolve) => setTimeout(resolve, 60_000)) : undefined;
        },
      },
    };`,
    "root/etc/hostname": "web\n",
  });
}

const HOSTILE = "\u001b]0;owned\u0007 \u009b31m \u202e \u2028 \u007f\n✔ all is well\rerror";

test.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
  "%s stops a build and leaves nothing",
  async (signal) => {
    const cwd = slowProject();
    const before = readdirSync(cwd);
    const run = startFledge(["build", "--verbose"], { cwd, env: { WAIT: "1" } });
    await run.until(/written/);
    expect(readdirSync(cwd)).not.toEqual(before);
    run.kill(signal);
    const { code, stderr } = await run.ended;
    expect(code).toBe(128 + constants.signals[signal]);
    expect(stderr).toContain("error interrupted; nothing was left behind");
    expect(readdirSync(cwd)).toEqual(before);
  },
);

test("a second signal does not keep the first from being cleaned up after", async () => {
  const cwd = slowProject();
  const before = readdirSync(cwd);
  const run = startFledge(["build", "--verbose"], { cwd, env: { WAIT: "1" } });
  await run.until(/written/);
  run.kill("SIGINT");
  run.kill("SIGINT");
  expect((await run.ended).code).toBe(130);
  expect(readdirSync(cwd)).toEqual(before);
});

/** Runs the command with its output as a shell has it. */
function inShell(cwd: string, command: string): { code: number | null; stderr: string } {
  const script = `set -o pipefail; ${command}`;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, FLEDGE: CLI };
  const { status, stderr } = spawnSync("bash", ["-c", script], { cwd, env, encoding: "utf8" });
  return { code: status, stderr };
}

test("a reader that has read enough ends a build without a word", () => {
  const cwd = slowProject();
  const before = readdirSync(cwd);
  expect(inShell(cwd, `WAIT=1 node "$FLEDGE" build --json | head -1 >/dev/null`)).toEqual({ code: 141, stderr: "" });
  expect(readdirSync(cwd)).toEqual(before);
});

test("so it does with what a file of an image is read by, and a full disk behind it is an error", () => {
  const cwd = project({});
  writeFileSync(join(cwd, "big.tar"), tar({ name: "big", data: Buffer.alloc(2 ** 22, "x") }));
  const cat = 'node "$FLEDGE" cat big.tar /big';
  expect(inShell(cwd, `${cat} | head -c 100000 >/dev/null`)).toEqual({ code: 141, stderr: "" });
  expect(inShell(cwd, `${cat} | true`)).toEqual({ code: 141, stderr: "" });
  for (const command of [`${cat} >/dev/full`, 'node "$FLEDGE" ls big.tar --json >/dev/full']) {
    const { code, stderr } = inShell(cwd, command);
    expect([code, stderr]).toEqual([1, expect.stringContaining("error cannot write to stdout: the disk is full")]);
  }
  // Of these 1 would be an answer.
  writeFileSync(join(cwd, "small.tar"), tar({ name: "small", data: Buffer.from("x") }));
  for (const other of ["big.tar", "small.tar"]) {
    const { code, stderr } = inShell(cwd, `node "$FLEDGE" diff big.tar ${other} --json >/dev/full`);
    expect([code, stderr]).toEqual([2, expect.stringContaining("error cannot write to stdout: the disk is full")]);
  }
});

test("a full disk behind the output is an error, one behind the errors is not", () => {
  const cwd = slowProject();
  const before = readdirSync(cwd);
  const { code, stderr } = inShell(cwd, `node "$FLEDGE" build --json >/dev/full`);
  expect([code, stderr]).toEqual([1, expect.stringContaining("cannot write to stdout: the disk is full")]);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(readdirSync(cwd)).toEqual(before);
  expect(inShell(cwd, `node "$FLEDGE" build --json 2>/dev/full >/dev/null`).code).toBe(0);
  expect(readdirSync(cwd)).toEqual([...before, "web-rootfs.tar"].sort());
});

test("control characters are shown, not sent, and no line passes for one of fledge's", () => {
  const cwd = slowProject();
  const { code, stderr } = inShell(cwd, `node "$FLEDGE" build`);
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]/);
  expect(stderr).toContain(
    'warning \\x1b]0;owned\\x07 \\x9b31m \\u202e \\u2028 \\x7f\n    | ✔ all is well\\x0derror (hook "rootfs:ready" of',
  );
});

/** A project whose hooks do what KIND says. */
function lateProject(): string {
  return project({
    "fledge.config.ts": `export default {
      strategy: "oci_rootfs", name: "web", source: { dir: "./root" }, filesystem: { type: "tar" },
      hooks: {
        "rootfs:ready": () => { if (process.env.KIND === "fail") throw new Error("it fails"); },
        "image:written": () => process.env.KIND === "uncaught" ? new Promise(() => void setTimeout(() => { throw new Error("late"); }, 10)) : undefined,
        "build:done": ({ log }) => { log("published"); return process.env.KIND === "wait" ? new Promise((resolve) => setTimeout(resolve, 60_000)) : undefined; },
      },
    };`,
    "root/etc/hostname": "web\n",
  });
}

test("an error that nobody has caught is said, and cleaned up after", async () => {
  const cwd = lateProject();
  const before = readdirSync(cwd);
  const run = startFledge(["build"], { cwd, env: { KIND: "uncaught" } });
  const { code, stderr } = await run.ended;
  expect([code, stderr]).toEqual([1, expect.stringContaining("late")]);
  expect(readdirSync(cwd)).toEqual(before);
});

test("a build that is killed between publishing and its end gives way to what was there, also when the next one fails", async () => {
  const cwd = lateProject();
  const artifact = join(cwd, "web-rootfs.tar");
  expect((await startFledge(["build"], { cwd }).ended).code).toBe(0);
  const [first, names] = [readFileSync(artifact), readdirSync(cwd)];
  writeFileSync(join(cwd, "root/etc/hostname"), "other\n");
  const killed = startFledge(["build", "--verbose"], { cwd, env: { KIND: "wait" } });
  await killed.until(/published/);
  expect(readFileSync(artifact).equals(first)).toBe(false);
  killed.kill("SIGKILL");
  await killed.ended;
  expect((await startFledge(["build"], { cwd, env: { KIND: "fail" } }).ended).code).toBe(1);
  expect(readFileSync(artifact).equals(first)).toBe(true);
  expect(readdirSync(cwd)).toEqual(names);
});
