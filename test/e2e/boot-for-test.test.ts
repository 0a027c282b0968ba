import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { definePlugin } from "../../src/config/define.ts";
import { sha256 } from "../../src/lib/digest.ts";
import { bootForTest, buildForTest } from "../../src/testing/index.ts";
import { requireBoot } from "../helpers/guest.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const LONG_MS = 400_000;

/** A plugin on a disk: BusyBox, and a server that leaves a mark when it begins. */
function diskProject(): string {
  const serve =
    "busybox mkdir -p /var/lib/app /tmp/www; echo marked >/var/lib/app/marker; echo '<p>well</p>' >/tmp/www/health\n" +
    "echo it listens; echo it listens still; exec busybox httpd -f -p 8080 -h /tmp/www";
  return project({
    "fledge.config.mjs": `export default ${JSON.stringify({
      ...{ name: "marks", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { headroom: "8M" } },
      mappings: { "/bin/busybox": "/bin/busybox", "./app.sh": "/usr/bin/app" },
      manifest: {
        resources: { memoryMb: 192 },
        workload: { entrypoint: ["/usr/bin/app"], baseUrl: "http://127.0.0.1:8080" },
      },
    })};`,
    "root/etc/hostname": "marks\n",
    "app.sh": `#!/bin/busybox sh\nexport PATH=/bin\n${serve}\n`,
  });
}

const initramfs = (script: string) =>
  definePlugin({
    ...{
      name: "tiny",
      strategy: "initramfs",
      busybox: { path: "/bin/busybox" },
      init: { path: "./init.sh", exec: true },
    },
    hooks: {
      "rootfs:ready": ({ rootfs }) => rootfs.writeFile("/run-me", `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    },
  });

describeWith("bootForTest", [requireBoot(), requireTools("busybox")], () => {
  test(
    "a disk: console, port, HTTP, programs, a clean end, and what was written",
    async () => {
      const cwd = diskProject();
      const vm = await bootForTest(join(cwd, "fledge.config.mjs"), { cacheDir: tempDir() });
      try {
        expect((await vm.console.waitFor(/^it (\w+)/))[1]).toBe("listens");
        expect((await vm.console.waitFor(/it listens( still)?/))[1]).toBe(" still");
        const { hostPort } = await vm.port(8080).ready();
        expect(hostPort).toBeGreaterThan(0);
        const answer = await vm.fetch("/health");
        expect([answer.status, await answer.text()]).toEqual([200, "<p>well</p>\n"]);
        const busybox = (...words: string[]) => vm.exec(["busybox", ...words], { env: { NAME: "it's\nme" } });
        const results = await Promise.all([
          busybox("id", "-u"),
          busybox("sh", "-c", 'echo "$NAME" >&2; exit 3'),
          vm.exec(["nothing"], { within: 60_000 }),
          busybox("dd", "if=/dev/zero", "bs=1k", "count=100"),
        ]);
        expect(results.map(({ status }) => status)).toEqual([0, 3, 127, 0]);
        expect(results.map(({ stdout }) => stdout.length)).toEqual([2, 0, 0, 102_400]);
        expect(results[1]?.stderr).toBe("it's\nme\n");
        expect(() => vm.disk.readFile("/etc/hostname")).toThrow("still writes to its disk");
        const report = await vm.powerOff();
        expect(report).toMatchObject({ exit: "poweroff", firstOutputMs: expect.any(Number) });
        expect(report.bootMs).toBeGreaterThan(report.firstOutputMs ?? 0);
        expect(vm.disk.readFile("/var/lib/app/marker").toString()).toBe("marked\n");
        expect([vm.disk.exists("/usr/local/bin/kestrel"), vm.disk.exists("/nothing")]).toEqual([true, false]);
        await expect(vm.exec(["busybox"])).rejects.toThrow("the guest ended (poweroff");
      } finally {
        await vm[Symbol.asyncDispose]();
      }
    },
    LONG_MS,
  );

  test(
    "an initramfs, which stays as it is: programs run in it, and what does not come says why",
    async () => {
      const recipe = initramfs("trap 'exit 7' USR1; echo prompt; while :; do sleep 1; done");
      const cwd = project({ "init.sh": "#!/bin/sh\nexec /run-me\n" });
      await using built = await buildForTest(recipe, { cwd, write: true, cacheDir: tempDir() });
      const path = built.result?.artifact.path ?? "";
      const before = sha256(readFileSync(path));
      const vm = await bootForTest(path, { memoryMb: 192 });
      try {
        await vm.console.waitFor(/^prompt/);
        expect(await vm.exec(["id", "-u"])).toEqual({ status: 0, stdout: "0\n", stderr: "" });
        await expect(vm.console.waitFor(/never/, { within: 200 })).rejects.toMatchObject({
          message: expect.stringContaining(
            "a line that matches /never/ was not there within 1000 ms (times 5, emulated)",
          ),
          output: expect.stringContaining("prompt"),
        });
        await expect(vm.exec(["sleep", "1000"], { within: 100 })).rejects.toThrow(
          "the end of sleep 1000 was not there",
        );
        expect(() => vm.disk).toThrow("has no disk");
        const last = vm.exec(["kill", "-USR1", "1"]).catch(() => {});
        await expect(vm.console.waitFor(/never/)).rejects.toThrow(
          "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000700",
        );
        await last;
        expect(await vm.ended()).toMatchObject({ exit: "panic", panic: expect.stringContaining("kill init") });
      } finally {
        await vm[Symbol.asyncDispose]();
      }
      expect(sha256(readFileSync(path))).toBe(before);
    },
    LONG_MS,
  );

  test(
    "an abort ends the guest, and whatever waits for it",
    async () => {
      const cwd = project({ "init.sh": "#!/bin/sh\nexec /run-me\n" });
      const stop = new AbortController();
      const vm = await bootForTest(initramfs("sleep 1000"), { cwd, signal: stop.signal, cacheDir: tempDir() });
      const waiting = vm.console.waitFor(/never/);
      stop.abort();
      await expect(waiting).rejects.toMatchObject({ code: "aborted" });
      await vm[Symbol.asyncDispose]();
      expect(await vm.powerOff()).toMatchObject({ exit: "stopped" });
    },
    LONG_MS,
  );

  test(
    "works in node:test, with `await using`",
    () => {
      const testing = new URL("../../dist/testing/index.js", import.meta.url).href;
      const cwd = diskProject();
      const file = join(
        project({
          "boots.test.mts": `
            import assert from "node:assert/strict";
            import { test } from "node:test";
            import { bootForTest } from ${JSON.stringify(testing)};
            test("serves", async () => {
              await using vm = await bootForTest(${JSON.stringify(cwd)} + "/fledge.config.mjs");
              assert.equal((await vm.fetch("/health")).status, 200);
            });`,
        }),
        "boots.test.mts",
      );
      const repository = fileURLToPath(new URL("../..", import.meta.url));
      const args = ["--import", "tsx", "--test", file];
      const env = { ...process.env, FLEDGE_CACHE_DIR: tempDir(), NODE_OPTIONS: "" };
      expect(execFileSync(process.execPath, args, { cwd: repository, env, encoding: "utf8" })).toMatch(/# pass 1\n/);
    },
    LONG_MS,
  );
});
