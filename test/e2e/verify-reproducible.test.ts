import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CliOptions, type CliResult, fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { tempDir } from "../helpers/temp.ts";

const RECIPE = `
  name: "same",
  strategy: "oci_rootfs",
  source: { dir: "./root" },
  mappings: { "./site": "/srv/www" },
  manifest: { workload: { entrypoint: ["/bin/app"], baseUrl: "http://127.0.0.1:80" } },
`;

/** A plugin of two folders, with this in its hook. */
function folderWith(hook: string): string {
  const cwd = project({
    "fledge.config.mjs": `
      import { readdirSync, statSync, writeFileSync } from "node:fs";
      export default { ${RECIPE} hooks: { "rootfs:ready": async ({ rootfs, plugin }) => { ${hook} } } };`,
    "site/a.html": "a",
    "site/b.html": "b",
  });
  mkdirSync(join(cwd, "root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(cwd, "root/bin/app"));
  return cwd;
}

async function verified(hook: string, flags: readonly string[] = [], options: CliOptions = {}) {
  const [cwd, cache] = [folderWith(hook), tempDir()];
  const env = { FLEDGE_CACHE_DIR: cache, ...options.env };
  const result = await fledge(["build", "--verify-reproducible", ...flags], { ...options, cwd, env });
  const left = existsSync(join(cache, "staging")) ? readdirSync(join(cache, "staging")) : [];
  expect(left, "the second build leaves nothing behind").toEqual([]);
  return { ...result, cwd };
}

function problemsOf({ stdout }: CliResult): readonly string[] {
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events.at(-1).problems.map(({ message }: { message: string }) => message);
}

test("says in one line that a second build makes the same bytes", async () => {
  const { code, stdout, stderr, cwd } = await verified('rootfs.writeFile("/etc/name", plugin.name)');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^✔ same is reproducible: .* {2}sha256:[0-9a-f]{64}$/m);
  expect(readdirSync(cwd).sort()).toEqual(
    ["fledge.config.mjs", "root", "same-rootfs.img", "same.manifest.json", "site"].sort(),
  );
});

const DIFFERS =
  /^\/etc\/build differs: (content|size \d+ B -> \d+ B); it is from hook "rootfs:ready" of .*fledge\.config\.mjs$/;

test.each([
  ["the day", "new Date().toISOString().slice(0, 10)"],
  ["the time", "String(Date.now())"],
  ["a random number", "String(Math.random())"],
  ["the zone", "String(new Date(0).getHours())"],
  ["the order of a folder", 'readdirSync("site").join()'],
  ["the name of the folder", "process.cwd()"],
  ["the name of the home", "process.env.HOME"],
  ["the umask", '(writeFileSync("made-" + process.env.LANG, ""), String(statSync("made-" + process.env.LANG).mode))'],
])("names the path that depends on %s", async (_what, expression) => {
  const result = await verified(`rootfs.writeFile("/etc/build", ${expression}); await 0;`, ["--json"]);
  expect(result.code, result.stderr).toBe(1);
  expect(problemsOf(result)).toEqual([expect.stringMatching(DIFFERS)]);
});

test("says which attributes differ, and of what they are", async () => {
  const isElsewhere = '(process.env.TZ === "Pacific/Kiritimati")';
  const result = await verified(
    `rootfs.chmod("/srv/www/a.html", ${isElsewhere} ? 0o600 : 0o640);
     rootfs.chown("/srv/www/a.html", ${isElsewhere} ? 1 : 0, 2);
     rootfs.symlink(${isElsewhere} ? "there" : "here", "/etc/link");
     if (${isElsewhere}) rootfs.setXattr("/bin/app", "user.note", "x");
     await 0;`,
    ["--json"],
  );
  const of = '; it is from hook "rootfs:ready" of ';
  expect(problemsOf(result).map((problem) => problem.split(of)[0])).toEqual([
    "/bin/app differs: user.note none -> 0x78",
    "/etc/link differs: target here -> there",
    "/srv/www/a.html differs: mode 0640 -> 0600, owner 0:2 -> 1:2",
  ]);
});

test("says that times differ", async () => {
  const cwd = project({
    "fledge.config.mjs": `
      import { execFileSync } from "node:child_process";
      export default () => {
        const sec = process.env.TZ === "Pacific/Kiritimati" ? 1000000001 : 1000000000;
        execFileSync("tar", ["-cf", "root.tar", "--mtime=@" + sec, "--owner=0", "--group=0", "bin/app"]);
        return { ${RECIPE} source: { tar: "./root.tar" } };
      };`,
    "site/a.html": "a",
  });
  mkdirSync(join(cwd, "bin"));
  copyFileSync("/bin/busybox", join(cwd, "bin/app"));
  const result = await fledge(["build", "--verify-reproducible", "--json"], { cwd });
  expect(problemsOf(result), result.stderr).toEqual([
    expect.stringMatching(
      /^\/bin\/app differs: mtime 2001-09-09T01:46:40 -> 2001-09-09T01:46:41; it is from the source .*root\.tar$/,
    ),
  ]);
});

test("names what only one of the two has", async () => {
  const hook = 'rootfs.writeFile("/etc/" + Date.now(), "")';
  const result = await verified(hook);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/same: it is not reproducible/);
  const config = join(result.cwd, "fledge.config.mjs");
  const only = (which: string): string =>
    `\\/etc\\/\\d+ is only in the ${which} build; it is from hook "rootfs:ready" of ${config}\\n`;
  expect(result.stderr).toMatch(new RegExp(`${only("first")} {2}${only("second")}`));
});

test("says why it cannot be built a second time", async () => {
  const hook = 'if (process.env.TZ === "Pacific/Kiritimati") throw new Error("not here");';
  const { code, stderr } = await verified(hook);
  expect(code).toBe(1);
  expect(stderr).toMatch(/error it cannot be built a second time: .*not here/);
});

test("stops when it is interrupted, and leaves nothing", async () => {
  const hook = 'if (process.env.TZ === "Pacific/Kiritimati") await new Promise((done) => setTimeout(done, 60_000));';
  const interrupt = { when: /again.*Check|again.*Apply|again.*Copy/, signal: "SIGINT" } as const;
  const { code, stderr } = await verified(hook, [], { interrupt });
  expect(stderr).toMatch(/interrupted; nothing was left behind/);
  expect(code).toBe(130);
});
