import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../src/lib/digest.ts";
import { type CliOptions, fledge, startFledge } from "../helpers/cli.ts";
import { requireBoot } from "../helpers/guest.ts";
import { commandsWith } from "../helpers/processes.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

/** Long for a slow machine that does something else as well. */
const LONG_MS = 400_000;

const INITRAMFS = {
  name: "mini",
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  init: { path: "./init.sh" },
};

/** A plugin whose init is the script. */
function miniature(script: string, more: object = {}): string {
  return project({
    "fledge.config.mjs": `export default ${JSON.stringify({ ...INITRAMFS, ...more })};`,
    "init.sh": `#!/bin/sh\n${script}\n`,
  });
}

/** A plugin on a disk that has BusyBox and the script, which is its workload. */
function disk(script: string, workload: object = {}): string {
  const config = {
    ...{ name: "mini", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { headroom: "8M" } },
    mappings: { "/bin/busybox": "/bin/busybox", "./app.sh": "/usr/bin/app" },
    manifest: {
      resources: { memoryMb: 192 },
      workload: { entrypoint: ["/usr/bin/app"], baseUrl: "http://127.0.0.1:8080", ...workload },
    },
  };
  return project({
    "fledge.config.mjs": `export default ${JSON.stringify(config)};`,
    "root/etc/hostname": "mini\n",
    "app.sh": `#!/bin/busybox sh\n${script}\n`,
  });
}

/** A command whose temporary files are in a folder of the project's. */
function run(args: readonly string[], cwd: string, { env = {}, ...options }: CliOptions = {}) {
  return fledge(args, { cwd, env: { TMPDIR: temporaryOf(cwd), ...env }, ...options });
}

function temporaryOf(cwd: string): string {
  const folder = join(cwd, ".tmp");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** What boots have left in their temporary folder, and guests that run: the command line has their name. */
function leftovers(cwd: string): string[] {
  const running = commandsWith("qemu-system", ":mini:eth0");
  return [...readdirSync(temporaryOf(cwd)).filter((name) => !name.startsWith("tsx-")), ...running];
}

describeWith("fledge boot", [requireBoot(), requireTools("busybox")], () => {
  test(
    "shows the console of an initramfs until it powers off",
    async () => {
      const cwd = miniature('echo "it runs as $(id -u), with $(ifconfig eth0 | grep -c 10.0.2.15) address"');
      const { code, stdout, stderr } = await run(["boot"], cwd);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain("it runs as 0, with 1 address\n");
      expect(stderr).toContain("waiting for the first line of the guest");
      expect(stderr).toMatch(/the guest powered off after [\d.]+ s, first line after [\d.]+ s/);
      expect(leftovers(cwd)).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "starts the workload of a disk as Volant's agent does, on a copy that is thrown away",
    async () => {
      const script =
        'echo "$GREETING from $PWD, $(cat /proc/mounts | grep -c "/dev/vda / ext4 rw")" | tee /written; sync';
      const cwd = disk(script.replaceAll(/\b(cat|grep|tee|sync)\b/g, "busybox $1"), {
        env: { GREETING: "it's me" },
        workdir: "/etc",
      });
      expect((await run(["build"], cwd)).code).toBe(0);
      const image = join(cwd, "mini-rootfs.img");
      const before = sha256(readFileSync(image));
      const { code, stdout, stderr } = await run(["boot", "mini-rootfs.img"], cwd);
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).toContain("it's me from /etc, 1\nfledge-boot: the workload ended with status 0\n");
      expect(sha256(readFileSync(image))).toBe(before);

      const kept = await run(["boot", "mini.manifest.json", "--keep", "--json"], cwd);
      expect(kept.code, kept.stdout).toBe(0);
      const events = kept.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(events.map(({ type }) => type).filter((type) => type !== "boot:console")).toEqual([
        "boot:prepare",
        "boot:start",
        "boot:end",
      ]);
      expect(events.at(-1).report).toMatchObject({ exit: "poweroff", workloadStatus: 0 });
      expect(execFileSync("/sbin/debugfs", ["-R", "cat /written", image], { encoding: "utf8", stdio: "pipe" })).toBe(
        "it's me from /etc, 1\n",
      );
    },
    LONG_MS,
  );

  test(
    "says what a workload that fails has ended with",
    async () => {
      const cwd = disk("exit 3");
      const { code, stderr } = await run(["boot"], cwd);
      expect(code).toBe(1);
      expect(stderr).toContain("error the workload ended with status 3\n");
    },
    LONG_MS,
  );

  test(
    "says the line of a panic",
    async () => {
      const cwd = miniature("exit 7", { init: { path: "./init.sh", exec: true } });
      const { code, stderr } = await run(["boot"], cwd);
      expect(code).toBe(1);
      expect(stderr).toContain(
        "error the guest panicked: Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000700\n",
      );
      expect(stderr).toContain("the guest panicked after");
    },
    LONG_MS,
  );

  test(
    "explains a guest that says nothing, and stops it in time",
    async () => {
      const cwd = miniature("exit 0");
      // Something that is a kernel by its header only.
      const kernel = Buffer.alloc(8192);
      kernel.write("HdrS", 0x202, "latin1");
      kernel.writeUInt16LE(0x1000, 0x20e);
      kernel.write("6.1.0-none", 0x1200, "latin1");
      kernel.writeUInt16LE(0x0200, 0x206);
      kernel.writeUInt8(0xf4, 0x200);
      writeFileSync(join(cwd, "bzImage"), kernel);
      const { code, stderr } = await run(["boot", "--kernel", "bzImage", "--timeout", "4s"], cwd);
      expect(code).toBe(1);
      expect(stderr).toContain("error the guest still ran after 4s, and was stopped\n");
      expect(stderr).toContain("it has said nothing:");
      expect(stderr).toContain("may have no console on ttyS0 (CONFIG_SERIAL_8250_CONSOLE=y)");
    },
    LONG_MS,
  );

  test(
    "explains a guest that restarts before it has said anything",
    async () => {
      const { code, stderr } = await run(["boot", "--memory", "32"], miniature("exit 0"));
      expect(code).toBe(1);
      expect(stderr).toContain("error the guest restarted at once\n");
      expect(stderr).toContain(
        "it has said nothing: 32 MiB may not hold the kernel and the unpacked initramfs: --memory",
      );
    },
    LONG_MS,
  );

  test.each<[NodeJS.Signals, number]>([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", -1],
  ])(
    "leaves nothing behind after %s",
    async (signal, exitCode) => {
      const cwd = miniature("echo up; sleep 1000");
      const cli = startFledge(["boot"], { cwd, env: { TMPDIR: temporaryOf(cwd) } });
      await cli.until(/first line of the guest/);
      await cli.until(/Linux version/);
      expect(leftovers(cwd)).toHaveLength(1);
      cli.kill(signal);
      const { code } = await cli.ended;
      if (exitCode >= 0) expect(code).toBe(exitCode);
      await expect.poll(() => leftovers(cwd), { timeout: 10_000 }).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "says what is missing",
    async () => {
      const cwd = miniature("exit 0");
      for (const args of [
        ["boot", "--on", "vbox"],
        ["boot", "--memory", "much"],
        ["test", "--on", "vbox"],
        ["boot", "--forward", "8080:80,8080:81"],
        ["boot", "--forward", "8080:80", "--forward", "8081:80"],
      ]) {
        const wrong = await run(args, cwd);
        const what =
          /^error --(?:(?:on|memory) "|forward names (?:port 8080 of this machine|the guest's port 80) twice)/;
        expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(what)]);
      }
      expect((await run(["build"], cwd)).code).toBe(0);
      const noQemu = await run(["boot", "mini.cpio.gz"], cwd, { env: { PATH: "/nowhere" }, program: cliOf() });
      expect(noQemu.code).toBe(3);
      expect(noQemu.stderr).toMatch(/busybox-static|qemu-system-x86/);
      const noKernel = await run(["boot", "mini.cpio.gz", "--kernel", "nothing"], cwd);
      expect(noKernel.stderr).toContain("name a kernel that is there with --kernel");
      const noImage = await run(["boot", "mini-rootfs.img", "other"], cwd);
      expect(noImage.code).toBe(2);
    },
    LONG_MS,
  );

  test(
    "prints the command and does nothing",
    async () => {
      const cwd = miniature("exit 0");
      expect((await run(["build"], cwd)).code).toBe(0);
      const { code, stdout } = await run(
        ["boot", "--print", "--forward", "8080:80", "--memory", "1G", "--cpus", "2"],
        cwd,
      );
      expect(code).toBe(0);
      expect(stdout).toMatch(/qemu-system-x86_64 -machine q35 .* -m 1024 -smp 2 .*hostfwd=tcp:127\.0\.0\.1:8080-:80 /);
    },
    LONG_MS,
  );
});

function cliOf(): string[] {
  return [process.execPath, new URL("../../dist/cli/main.js", import.meta.url).pathname];
}

describeWith("fledge test", [requireBoot(), requireTools("busybox")], () => {
  const serve =
    "mkdir -p /tmp/www; echo '<p>it is well</p>' >/tmp/www/health; echo it-listens; httpd -f -p 8080 -h /tmp/www";

  test(
    "passes what comes up, and shows why another does not",
    async () => {
      const boot = [
        {
          name: "serves",
          until: [{ line: "it-listens" }, { port: 8080 }, { http: "/health", status: 200, contains: "well" }],
        },
        { until: { pattern: "^it-lis.ens$" }, not: ["it-"] },
        { name: "never", until: { http: "/nothing", withinMs: 1500 } },
      ];
      const manifest = { workload: { baseUrl: "http://127.0.0.1:8080" } };
      const cwd = miniature(serve, { manifest, test: { boot } });
      const { code, stdout, stderr } = await run(["test", "--junit", "boot.xml"], cwd);
      expect(code, stderr).toBe(1);
      expect(stdout).toMatch(/✔ mini: serves [\d.]+ s\n/);
      expect(stdout).toContain('the console has "it-", which must not appear: it-listens\n');
      expect(stdout).toMatch(/an answer at \/nothing was not there within 7500 ms \(times 5, emulated\)/);
      expect(stdout).toMatch(/ {2}command {2}\S*qemu-system-x86_64 /);
      expect(stdout).toContain("1 passed, 2 failed\n");
      const xml = readFileSync(join(cwd, "boot.xml"), "utf8");
      expect(xml).toContain('<testsuite name="mini" tests="3" failures="2"');
      expect(leftovers(cwd)).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "is for fledge.toml too, and passes with 0",
    async () => {
      const cwd = project({
        "fledge.toml": [
          ...['version = "1"', 'strategy = "initramfs"', "[plugin]", 'name = "mini"'],
          ...["[busybox]", 'path = "/bin/busybox"', "[init]", 'path = "./init.sh"'],
          ...["[[test.boot]]", 'name = "ends"', "memory_mb = 192", 'not = ["segfault"]'],
          ...["[[test.boot.until]]", 'line = "hello"', "within_ms = 60000", "[[test.boot.until]]", 'exit = "poweroff"'],
        ].join("\n"),
        "init.sh": "#!/bin/sh\necho hello\n",
      });
      const { code, stdout, stderr } = await run(["test", "--json"], cwd);
      expect(code, stdout + stderr).toBe(0);
      const done = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .at(-1);
      expect(done).toMatchObject({ type: "test:done", name: "ends", passed: true, report: { exit: "poweroff" } });
      expect(done.reached.map(({ what }: { what: string }) => what)).toEqual([
        'the line "hello"',
        "its end by poweroff",
      ]);
    },
    LONG_MS,
  );

  test("says that there is nothing to test", async () => {
    const { code, stderr } = await run(["test"], miniature("exit 0"));
    expect(code).toBe(2);
    expect(stderr).toContain("there is no test");
  });
});
