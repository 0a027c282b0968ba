import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLI, fledge } from "../helpers/cli.ts";
import { run } from "../helpers/disk.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const TOML = `
version = "1"
strategy = "oci_rootfs"
name = "web"
[source]
dir = "root"
[filesystem]
type = "tar"
[mappings]
"motd" = "/etc/motd"
`;

/** A project whose artifact was built, and the cache that knows of it. */
async function built(): Promise<{ cwd: string; env: Record<string, string> }> {
  const cwd = project({ "fledge.toml": TOML, motd: "welcome\n" });
  mkdirSync(join(cwd, "root/etc"), { recursive: true });
  writeFileSync(join(cwd, "root/etc/passwd"), "root:x:0:0::/:/bin/sh\n");
  writeFileSync(join(cwd, "root/etc/\u001b[31mred\n"), "a name that would colour a terminal");
  symlinkSync("passwd", join(cwd, "root/etc/link"));
  const env = { FLEDGE_CACHE_DIR: join(cwd, "cache") };
  const { code, stderr } = await fledge(["build"], { cwd, env });
  expect(code, stderr).toBe(0);
  return { cwd, env };
}

const ARTIFACT = "web-rootfs.tar";

test("ls, cat, inspect, why and diff of an artifact and of its plugin", async () => {
  const options = await built();
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await fledge(args, options);
    return { code, stdout, stderr };
  };
  for (const target of [ARTIFACT, "web"]) {
    expect((await said("ls", target, "/etc")).stdout).toBe("\\x1b[31mred\\n\nlink\nmotd\npasswd\n");
    expect((await said("cat", target, "/etc/link")).stdout).toBe("root:x:0:0::/:/bin/sh\n");
    expect((await said("why", target, "/etc/motd")).stdout).toMatch(/^\/etc\/motd is from the mapping .*motd/);
  }
  expect((await said("ls", ARTIFACT, "/etc/link", "-l")).stdout).toMatch(/^lrwxrwxrwx {2}0:0 0 .* link -> passwd\n$/);
  const listed = JSON.parse((await said("ls", ARTIFACT, "-R", "--json")).stdout) as { path: string }[];
  expect(listed.map(({ path }) => path)).toContain("/etc/\u001b[31mred\n");
  expect(JSON.parse((await said("inspect", ARTIFACT, "--json")).stdout)).toMatchObject({
    format: "tar",
    counts: { file: 3 },
  });
  expect(await said("diff", ARTIFACT, "web")).toEqual({
    code: 0,
    stdout: `${ARTIFACT} and web are the same (without sockets, which one cannot tell)\n`,
    stderr: "",
  });
  const other = await said("diff", ARTIFACT, "root");
  expect(other.code).toBe(1);
  expect(other.stdout).toMatch(/^- \/etc\/motd 8 B$/m);
});

test("what is not there, and what is no image", async () => {
  const options = await built();
  writeFileSync(join(options.cwd, "text"), "just text\n");
  for (const [args, message, expected] of [
    [["cat", ARTIFACT, "/nowhere"], `/nowhere is not in ${ARTIFACT}`, 1],
    [["cat", ARTIFACT, "/etc"], "/etc is a dir, not a regular file", 1],
    [["ls", "text"], "text is no image of a format that fledge knows", 1],
    [["diff", "text", ARTIFACT], "text is no image of a format that fledge knows", 2],
    [["ls"], "it is called as: fledge ls TARGET", 2],
    [["diff", ARTIFACT], "it is called as: fledge diff TARGET TARGET", 2],
    [["why", "root", "/etc"], "nothing is known of how root was made", 2],
    [["extract", ARTIFACT], "fledge extract has to know where to", 2],
  ] as const) {
    const { code, stderr } = await fledge([...args], options);
    expect(stderr).toContain(message);
    expect(code, args.join(" ")).toBe(expected);
  }
});

describeWith("extract", [requireRoot(), requireTools("tar")], () => {
  test("a folder with its owners, and a tar", async () => {
    const options = await built();
    const { cwd } = options;
    expect((await fledge(["extract", ARTIFACT, "/etc", "-o", "out"], options)).code).toBe(0);
    expect(readFileSync(join(cwd, "out/motd"), "utf8")).toBe("welcome\n");
    expect(statSync(join(cwd, "out/motd"))).toMatchObject({ uid: 0, gid: 0 });
    expect((await fledge(["extract", ARTIFACT, "/etc/motd", "-o", "one.tar"], options)).stdout).toBe(
      "one.tar: 1 names\n",
    );
    expect(run("tar", ["-tf", "one.tar"], { cwd })).toContain("motd");
    expect((await fledge(["extract", ARTIFACT, "-o", "out"], options)).stderr).toContain("out exists already");
  });
});

describe("completion", () => {
  async function scriptFor(shell: string): Promise<{ script: string; cwd: string; env: NodeJS.ProcessEnv }> {
    const cwd = project({ "fledge.toml": TOML });
    const bin = tempDir();
    symlinkSync(CLI, join(bin, "fledge"));
    const { stdout } = await fledge(["completion", shell]);
    const script = join(bin, shell === "zsh" ? "_fledge" : "fledge.completion");
    writeFileSync(script, stdout);
    return { script, cwd, env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, HOME: bin } };
  }

  const complete = (words: readonly string[]): string => `
    source "$1"
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}) COMP_CWORD=${words.length - 1}
    _fledge
    printf '%s\\n' "\${COMPREPLY[@]}"`;

  test("bash: commands, flags, names of plugins and files", async () => {
    const { script, cwd, env } = await scriptFor("bash");
    const found = (...words: string[]): string[] => {
      const { stdout, stderr } = spawnSync("bash", ["-c", complete(["fledge", ...words]), "bash", script], {
        cwd,
        env,
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      return stdout.trim().split("\n");
    };
    expect(found("in")).toEqual(["init", "inspect"]);
    expect(found("diff", "--pl")).toEqual(["--platform"]);
    expect(found("build", "we")).toEqual(["web"]);
    expect(found("build", "fle")).toEqual(["fledge.toml"]);
  });

  describeWith("of other shells", [requireTools("zsh", "fish")], () => {
    test("fish: commands and names", async () => {
      const { script, cwd, env } = await scriptFor("fish");
      const found = (line: string): string =>
        spawnSync("fish", ["-c", `source ${script}; complete -C ${JSON.stringify(line)}`], {
          cwd,
          env,
          encoding: "utf8",
        }).stdout;
      expect(found("fledge ins")).toMatch(/^inspect\t/);
      expect(found("fledge inspect we")).toMatch(/^web\b/m);
      expect(found("fledge build --off")).toMatch(/^--offline\t/);
    });

    test("zsh takes the script", async () => {
      const { script, cwd, env } = await scriptFor("zsh");
      const { status, stdout, stderr } = spawnSync(
        "zsh",
        ["-fc", `autoload -Uz compinit; compinit -u -D; source ${script}; print $_comps[fledge]`],
        { cwd, env, encoding: "utf8" },
      );
      expect([status, stdout.trim(), stderr]).toEqual([0, "_fledge", ""]);
    });
  });

  test("names are none where there is no config", async () => {
    expect(await fledge(["completion", "names"], { cwd: tempDir() })).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("budget", () => {
  const plugin = (name: string): string => TOML.replace('"web"', `"${name}"`);
  const workspace = () =>
    project({
      "fledge.toml": 'plugins = ["plugins/*"]\n',
      "plugins/web/fledge.toml": `${plugin("web")}[budgets]\ngrowth = "5%"\n`,
      "plugins/web/motd": "welcome\n",
      "plugins/web/root/etc/passwd": "root:x:0:0::/:/bin/sh\n",
      "plugins/db/fledge.toml": `${plugin("db")}[budgets]\nused_bytes = "1M"\n`,
      "plugins/db/motd": "welcome\n",
      "plugins/db/root/etc/passwd": "root:x:0:0::/:/bin/sh\n",
    });

  test("of a workspace: what is not built, a baseline, growth, and a new baseline", async () => {
    const cwd = workspace();
    const options = { cwd, env: { FLEDGE_CACHE_DIR: join(cwd, "cache") } };
    const before = await fledge(["budget"], options);
    expect([before.code, before.stdout]).toEqual([1, expect.stringContaining("db was not built with this cache")]);
    const recorded = await fledge(["budget", "web", "--record"], options);
    expect([recorded.code, recorded.stdout], recorded.stderr).toEqual([
      0,
      expect.stringMatching(/^web recorded in plugins\/web\/fledge\.budget\.json\n {4}image .*\n {4}files /),
    ]);
    writeFileSync(join(cwd, "plugins/web/motd"), "x".repeat(50_000));
    const built = await fledge(["build"], options);
    expect(built.code).toBe(1);
    expect(built.stderr).toContain("since the recorded baseline +48.0 KiB: +48.0 KiB mapping motd");
    expect(built.stdout).toMatch(/✔ db .*\n✖ web/s);
    expect((await fledge(["budget", "--record"], options)).code).toBe(0);
    const status = await fledge(["budget", "--json"], options);
    expect(JSON.parse(status.stdout)).toMatchObject([
      { name: "db", budgets: { usedBytes: 1_048_576 }, overruns: [] },
      { name: "web", budgets: { growth: 0.05 }, overruns: [], growth: [] },
    ]);
    expect((await fledge(["build"], options)).code).toBe(0);
  }, 240_000);

  test("one file for each platform's size; what is over is marked, and the exit code says so", async () => {
    const cwd = project({ "fledge.toml": TOML, motd: "welcome\n", "root/etc/passwd": "root\n" });
    const options = { cwd, env: { FLEDGE_CACHE_DIR: join(cwd, "cache") } };
    const flags = ["--platform", "linux/amd64,linux/arm64"];
    expect((await fledge(["budget", "--record", ...flags], options)).code).toBe(0);
    const { plugins } = JSON.parse(readFileSync(join(cwd, "fledge.budget.json"), "utf8"));
    expect(Object.keys(plugins)).toEqual(["web linux/amd64", "web linux/arm64"]);
    writeFileSync(join(cwd, "fledge.toml"), `${TOML}[budgets]\ninodes = 2\n`);
    const { code, stdout } = await fledge(["budget", ...flags], options);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✖ inodes +\d+ of 2, recorded \d+/);
  }, 240_000);
});
