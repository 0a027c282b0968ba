import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { type ExecOptions, type Followed, follow, pipeThrough } from "../../../../src/lib/process/exec.ts";
import { isRunning } from "../../../helpers/processes.ts";

const plain: ExecOptions = { signal: new AbortController().signal, env: { PATH: process.env.PATH } };

async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function shell(script: string, input = bytes(), options: Partial<ExecOptions> = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of pipeThrough("/bin/sh", ["-c", script], input, { ...plain, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("pipeThrough", () => {
  it("gives what the program makes of its input", async () => {
    expect(await shell("tr a-z A-Z", bytes("ab", "cd"))).toBe("ABCD");
  });

  it("has no limit of size", async () => {
    async function* many(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 100; i++) yield Buffer.alloc(65_536, "x");
    }
    expect((await shell("cat", many())).length).toBe(100 * 65_536);
  });

  it("gives the program the environment and the folder it is told, and no more", async () => {
    expect(
      await shell("env | grep -v -e ^PWD -e ^_ -e ^SHLVL; pwd", bytes(), { env: { A: "1", B: undefined }, cwd: "/" }),
    ).toBe("A=1\n/\n");
  });

  it("lets a program stop reading early", async () => {
    async function* many(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 50; i++) yield Buffer.alloc(65_536, "x");
    }
    expect(await shell("head -c 3", many())).toBe("xxx");
  });

  it("reports a failure with what the program said", async () => {
    await expect(shell("echo out; echo the reason >&2; exit 3")).rejects.toMatchObject({
      code: "stage",
      message: "/bin/sh -c echo out; echo the reason >&2; exit 3 failed: the reason",
    });
  });

  it("reports a failure without a word", async () => {
    await expect(shell("exit 3")).rejects.toThrow(/^\/bin\/sh -c exit 3 failed: Command failed with exit code 3/);
    await expect(shell("kill -9 $$")).rejects.toThrow(/was killed with SIGKILL/);
  });

  it("takes the end of what a talkative program said, and does not stop it for talking", async () => {
    const talk = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >&2";
    expect(await shell(`${talk}; echo done`)).toBe("done\n");
    const error = await shell(`${talk}; exit 1`).catch((thrown: Error) => thrown.message);
    expect(error).toMatch(/line 19999$/);
    expect(error.length).toBeLessThan(5000);
  });

  it("reports a program that is not there", async () => {
    const output = pipeThrough("/nonexistent/tool", ["-x"], bytes(), plain);
    await expect(output.next()).rejects.toMatchObject({
      code: "stage",
      message: expect.stringMatching(/^\/nonexistent\/tool -x failed: .*ENOENT/s),
    });
  });

  it("passes on what its input throws", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("a");
      throw new Error("the source broke");
    }
    await expect(shell("cat", broken())).rejects.toThrow("the source broke");
  });

  it("ends the program when it is aborted", async () => {
    const started = performance.now();
    await expect(shell("exec sleep 60", bytes(), { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("ends the program when its output is not wanted any more", async () => {
    const output = pipeThrough("/bin/sh", ["-c", "echo $$; exec sleep 60"], bytes(), plain);
    const pid = Number(Buffer.from((await output.next()).value ?? []).toString());
    await output.return(undefined);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

describe("follow", () => {
  async function talk(script: string, options: Partial<ExecOptions> = {}): Promise<Followed & { lines: string[] }> {
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    return { ...(await follow("/bin/sh", ["-c", script], { ...plain, ...options, onLine })), lines };
  }

  it("hands over the lines of both streams, without colours and blank ones", async () => {
    const { failed, lines } = await talk("printf 'a\\r\\nb\\n\\n'; printf '\\033[31mred\\033[0m\\nrest' >&2");
    expect(failed).toBe(false);
    expect(lines.sort()).toEqual(["a", "b", "red", "rest"]);
  });

  it("reports a failure with the last lines, and one without a word", async () => {
    const { failed, tail, lines } = await talk("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; exit 3");
    expect(failed).toBe(true);
    expect(lines.length).toBe(100);
    expect(tail.split("\n")).toEqual(Array.from({ length: 20 }, (_, i) => String(80 + i)));
    expect((await talk("exit 3")).tail).toContain("exit code 3");
  });

  it("ends all that the program started when it is aborted", async () => {
    const controller = new AbortController();
    const pids: number[] = [];
    const onLine = (line: string): void => {
      pids.push(...line.split(" ").map(Number));
      controller.abort();
    };
    const script = "sleep 60 & echo $$ $!; wait";
    const running = follow("/bin/sh", ["-c", script], { ...plain, signal: controller.signal, onLine });
    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(pids.length).toBe(2);
    for (const pid of pids) await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("ends all that the program started when the process ends before its time", { timeout: 60_000 }, async () => {
    const exec = new URL("../../../../src/lib/process/exec.ts", import.meta.url).href;
    const script = "trap '' TERM; sleep 60 & echo $$ $!; wait; sleep 60";
    const options = "signal: new AbortController().signal, env: process.env";
    const onLine = "onLine: (line) => process.stdout.write(line, () => process.exit(130))";
    const code = `import { follow } from ${JSON.stringify(exec)};
      await follow("/bin/sh", ["-c", ${JSON.stringify(script)}], { ${options}, ${onLine} });`;
    const argv = ["--import", "tsx", "--input-type=module", "--eval", code];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(status, stderr).toBe(130);
    const pids = stdout.split(" ").map(Number);
    expect(pids.length).toBe(2);
    for (const pid of pids) await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("does not start when it is too late", async () => {
    await expect(talk("echo x", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });

  it("kills what does not want to end", { timeout: 20_000 }, async () => {
    const controller = new AbortController();
    const script = "trap '' TERM; echo on; sleep 60 & wait; sleep 60";
    const onLine = (): void => controller.abort();
    const running = follow("/bin/sh", ["-c", script], { ...plain, signal: controller.signal, onLine, graceMs: 500 });
    await expect(running).rejects.toMatchObject({ code: "aborted" });
  });
});
