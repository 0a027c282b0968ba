import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { type ServiceOptions, serviceScript } from "../../../../src/rootfs/edit/service-script.ts";
import { describeWith, requireRoot, requireTools } from "../../../helpers/requirements.ts";
import { tempDir } from "../../../helpers/temp.ts";

const SHELLS = [["sh"], ["busybox", "sh"]];

function script(options: ServiceOptions, folder = tempDir()): string {
  const path = join(folder, "service");
  writeFileSync(path, serviceScript(options), { mode: 0o755 });
  return path;
}

/** A guest with nothing but BusyBox, where `nobody` is a user. */
function guest(): string {
  const root = tempDir();
  chmodSync(root, 0o755);
  for (const folder of ["bin", "etc", "srv", "dev"]) mkdirSync(join(root, folder));
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const applet of ["sh", "id", "su", "setpriv", "sleep", "true", "pwd", "echo"]) {
    symlinkSync("busybox", join(root, "bin", applet));
  }
  writeFileSync(join(root, "etc/passwd"), "root:*:0:0:root:/root:/bin/sh\nnobody:*:65534:65534::/:/bin/false\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  writeFileSync(join(root, "dev/null"), "");
  chmodSync(join(root, "dev/null"), 0o666);
  return root;
}

it("is a few lines where little is asked for", () => {
  expect(serviceScript({ command: ["/usr/bin/app", "--say", "it's on"] })).toBe(
    "#!/bin/sh\nset -- /usr/bin/app --say 'it'\\''s on'\nexec \"$@\"\n",
  );
});

it.each<[ServiceOptions, string]>([
  [{ command: [""] }, "a service needs a command"],
  [{ command: ["/bin/app", "a\0b"] }, "a service needs a command"],
  [{ command: ["/bin/app"], env: { "a b": 1 } }, '"a b" is not a name for an environment variable'],
  [{ command: ["/bin/app"], delaySec: 0.5 }, "delaySec of a service is a whole number of seconds, not 0.5"],
])("refuses %j", (options, message) => {
  expect(() => serviceScript(options)).toThrow(message);
});

describeWith("a service script", [requireTools("sh", "busybox", "shellcheck")], () => {
  it.each<ServiceOptions>([
    { command: ["/bin/app"] },
    { command: ["/bin/app"], user: "app", env: { A: "x y" }, workdir: "/srv/my app", restart: "on-failure" },
    { command: ["/bin/app", "-x"], restart: "always", delaySec: 5 },
  ])("is sound: %j", (options) => {
    const path = script(options);
    expect(spawnSync("shellcheck", [path], { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
    for (const [shell = "", ...args] of SHELLS) execFileSync(shell, [...args, "-n", path]);
  });

  it("runs the command with its words, environment and folder, and becomes it", () => {
    const workdir = tempDir();
    const command = ["/bin/sh", "-c", 'echo "$1|$GREETING|$(pwd)|$$"; exit 7', "x", "a  $(b) 'c'"] as const;
    for (const [shell = "", ...args] of SHELLS) {
      const path = script({ command, env: { GREETING: "good 'day'" }, workdir });
      const { status, stdout, pid } = spawnSync(shell, [...args, path], { encoding: "utf8" });
      expect({ status, stdout }).toEqual({ status: 7, stdout: `a  $(b) 'c'|good 'day'|${workdir}|${pid}\n` });
    }
  });

  it("goes into a folder whatever its name", () => {
    const base = tempDir();
    for (const workdir of ["-", "-P", "--", "--help", "$HOME", " ", "a'b", "~"]) {
      mkdirSync(join(base, workdir));
      for (const [shell = "", ...args] of SHELLS) {
        const path = script({ command: ["/bin/pwd"], workdir });
        const env = { ...process.env, OLDPWD: "/" };
        const { status, stdout } = spawnSync(shell, [...args, path], { cwd: base, env, encoding: "utf8" });
        expect({ status, stdout }).toEqual({ status: 0, stdout: `${base}/${workdir}\n` });
      }
    }
  });

  it("starts it again on a failure, until it ends well", () => {
    for (const [shell = "", ...args] of SHELLS) {
      const tries = join(tempDir(), "tries");
      const command = ["/bin/sh", "-c", `echo try >>${tries}; [ "$(wc -l <${tries})" -ge 3 ] || exit 5`] as const;
      const path = script({ command, restart: "on-failure", delaySec: 0 });
      const { status, stderr } = spawnSync(shell, [...args, path], { encoding: "utf8" });
      expect(status).toBe(0);
      expect(readFileSync(tries, "utf8")).toBe("try\n".repeat(3));
      expect(stderr).toBe("/bin/sh: ended with status 5; starting again in 0 s\n".repeat(2));
    }
  });

  it("hands a signal on, waits for the service's end, and ends with its status", async () => {
    for (const [shell = "", ...args] of SHELLS) {
      const body = 'trap "sleep 0.3; echo bye; exit 9" TERM; echo up; while :; do sleep 0.1; done';
      const path = script({ command: ["/bin/sh", "-c", body], restart: "always" });
      const child = spawn(shell, [...args, path]);
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
        if (chunk.includes("up")) child.kill("SIGTERM");
      });
      const status = await new Promise((resolve) => child.on("close", resolve));
      expect({ said, status }).toEqual({ said: "up\nbye\n", status: 9 });
    }
  });
});

describeWith("a service of another user", [requireRoot(), requireTools("busybox", "setpriv")], () => {
  const ids = ["/bin/sh", "-c", 'echo "$(id -u):$(id -g) $1 $A"', "x", "two words"] as const;

  it("is run by setpriv", () => {
    const folder = tempDir();
    chmodSync(folder, 0o755);
    const path = script({ command: ids, user: "nobody", env: { A: "kept" } }, folder);
    expect(execFileSync(path, { encoding: "utf8", cwd: dirname(path) })).toBe("65534:65534 two words kept\n");
  });

  it("is run by BusyBox's su, where its setpriv cannot", () => {
    const root = guest();
    script({ command: ids, user: "nobody", env: { A: "kept" } }, root);
    const run = (...argv: string[]) =>
      spawnSync("busybox", ["chroot", root, ...argv], { encoding: "utf8", env: { PATH: "/bin" } });
    expect(run("/service")).toMatchObject({ stdout: "65534:65534 two words kept\n", stderr: "", status: 0 });
  });

  it("fails when it cannot become that user", () => {
    const root = guest();
    script({ command: ids, user: "ghost" }, root);
    const run = spawnSync("busybox", ["chroot", root, "/service"], { encoding: "utf8", env: { PATH: "/bin" } });
    expect(run.status).toBe(126);
    expect(run.stderr).toContain("/service: cannot become ghost: no such user");
  });

  it("does not change a user that it is already", () => {
    const folder = tempDir();
    chmodSync(folder, 0o755);
    const path = script({ command: ids, user: "nobody" }, folder);
    const argv = ["--reuid=65534", "--regid=65534", "--clear-groups", path];
    expect(execFileSync("setpriv", argv, { encoding: "utf8", cwd: folder })).toBe("65534:65534 two words \n");
  });
});
