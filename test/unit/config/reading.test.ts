import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { withDotenv } from "../../../src/config/dotenv.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { migrateProject } from "../../../src/migrate/migrate.ts";
import { project } from "../../helpers/project.ts";
import { problemsOf } from "./expect-problems.ts";

const common = { env: {}, platform: "linux/amd64" };
const load = (cwd: string, more = {}) => loadPlugins({ ...common, cwd, ...more });
const TOML = 'name = "x"\nstrategy = "initramfs"\n[manifest.labels]\nowner = "café"\n';
const CONFIG = `export default { name: "x", strategy: "initramfs" };`;

describe("a tsconfig that cannot be read", () => {
  it.each([
    ["extends a file that is not there", '{ "extends": "./.nuxt/tsconfig.json" }', ".nuxt/tsconfig.json"],
    [
      "extends a package that is not there",
      '{ "extends": "@tsconfig/node20/tsconfig.json" }',
      "@tsconfig/node20/tsconfig.json",
    ],
  ])("%s: a warning", async (_what, tsconfig, names) => {
    const cwd = project({ "package.json": "{}", "tsconfig.json": tsconfig, "fledge.config.ts": CONFIG });
    const [plugin] = await load(cwd);
    expect(plugin?.name).toBe("x");
    expect(plugin?.warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining(join(cwd, "tsconfig.json")),
    ]);
    expect(plugin?.warnings[0]?.message).toContain(names);
  });

  it.each(["{", "[]", '"text"', "{ paths: ", ""])("is %j: it loads", async (tsconfig) => {
    const cwd = project({ "package.json": "{}", "tsconfig.json": tsconfig, "fledge.config.ts": CONFIG });
    expect((await load(cwd))[0]?.name).toBe("x");
  });
});

describe(".env files", () => {
  const files = {
    ".env": "A=env\nB=env\nC=env\nD=env\nE=env\nQUOTED=\"two\\nlines\" # comment\nexport X='single $A'\n",
    ".env.local": "B=local\nC=local\nD=local\n",
    ".env.staging": "C=staging\nD=staging\nBOTH=$" + "{A}-$B-$" + "{NONE:-none}-\\$A-$" + "{SET}\n",
    ".env.staging.local": "D=staging-local\nLOOP=$LOOP\n",
    ".env.production": "A=wrong\n",
  };

  it("are read as Vite reads them: a mode's go over the others, local ones over those, what is set over all", async () => {
    const cwd = project(files);
    const reads: string[] = [];
    const env = await withDotenv(cwd, "staging", { E: "set", SET: "s" }, (file) => reads.push(file));
    expect(env).toEqual({
      A: "env",
      B: "local",
      C: "staging",
      D: "staging-local",
      E: "set",
      SET: "s",
      QUOTED: "two\nlines",
      X: "single env",
      BOTH: "env-local-none-$A-s",
      LOOP: "",
    });
    expect(reads).toEqual([".env", ".env.local", ".env.staging", ".env.staging.local"].map((name) => join(cwd, name)));
  });

  it("reach the config's function, and a folder of that name is none", async () => {
    const config = `export default ({ env }) => ({ name: env.C, strategy: "initramfs" });`;
    const cwd = project({ ...files, "package.json": "{}", "fledge.config.ts": config });
    mkdirSync(join(cwd, ".env.dev"));
    expect((await load(cwd, { mode: "staging" }))[0]?.name).toBe("staging");
    expect((await load(cwd, { mode: "dev" }))[0]?.name).toBe("local");
  });
});

describe("the bytes of a TOML file", () => {
  const written = (bytes: Buffer): string => {
    const cwd = project({});
    writeFileSync(join(cwd, "fledge.toml"), bytes);
    return cwd;
  };
  const utf16be = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();

  it.each([
    ["a byte order mark", Buffer.from(`\ufeff${TOML}`)],
    ["CRLF", Buffer.from(TOML.replaceAll("\n", "\r\n"))],
    ["both", Buffer.from(`\ufeff${TOML.replaceAll("\n", "\r\n")}`)],
  ])("may have %s, for migrate too", async (_what, bytes) => {
    const cwd = written(bytes);
    expect(await load(cwd)).toMatchObject([{ name: "x", manifest: { labels: { owner: "café" } } }]);
    expect((await migrateProject({ dir: cwd, env: {}, dryRun: true })).text).toContain('owner: "café"');
  });

  it.each([
    ["a byte order mark", "\ufeff"],
    ["a comment and CRLF", "# é\r\n"],
  ])("say the line of a mistake, with %s", async (_what, head) => {
    const cwd = written(Buffer.from(`${head}${TOML}`.replace("strategy", "stratgy")));
    const line = head.includes("\n") ? 3 : 2;
    const expected = [`fledge.toml:${line}:1: stratgy: unknown key (did you mean "strategy"?)`];
    expect(await problemsOf(load(cwd), cwd)).toEqual(expected);
    expect(await problemsOf(migrateProject({ dir: cwd, env: {}, dryRun: true }), cwd)).toEqual(expected);
  });

  it.each([
    [
      "Latin-1",
      Buffer.from(TOML, "latin1"),
      ["fledge.toml:4:13: is not UTF-8, as TOML is (iconv -f LATIN1 -t UTF-8 converts it, if that is what it is)"],
    ],
    ["cut UTF-8", Buffer.from(TOML).subarray(0, -3), [expect.stringContaining("fledge.toml:4:13: is not UTF-8")]],
    [
      "a U+FFFD before what is broken",
      Buffer.concat([Buffer.from("# \ufffd\n# "), Buffer.from([0xc0])]),
      [expect.stringContaining("fledge.toml:2:3: is not UTF-8")],
    ],
    [
      "UTF-16",
      Buffer.from(`\ufeff${TOML}`, "utf16le"),
      ["fledge.toml: is UTF-16, and TOML is UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)"],
    ],
    ["UTF-16, the other way round", utf16be(`\ufeff${TOML}`), [expect.stringContaining("is UTF-16")]],
    ["UTF-16 without a mark", Buffer.from(TOML, "utf16le"), [expect.stringContaining("is UTF-16")]],
    ["a NUL", Buffer.from('name = "x\0"\n'), [expect.stringContaining("fledge.toml:1:")]],
  ])("are refused as %s", async (_what, bytes, expected) => {
    const cwd = written(bytes);
    expect(await problemsOf(load(cwd), cwd)).toEqual(expected);
    expect(await problemsOf(migrateProject({ dir: cwd, env: {}, dryRun: true }), cwd)).toEqual(expected);
  });
});

test("a config beside the one that is read is mentioned, unless one was named", async () => {
  const cwd = project({ "package.json": "{}", "fledge.config.ts": CONFIG, "fledge.toml": TOML });
  expect((await load(cwd))[0]?.warnings).toMatchObject([
    { message: "fledge.toml is not read: fledge.config.ts beside it is the config" },
  ]);
  expect((await load(cwd, { configFile: "fledge.config.ts" }))[0]?.warnings).toEqual([]);
});

describe("--filter", () => {
  const names = async (filter: string) =>
    (
      await load(project({}), {
        filter,
        config: ["web", "db", "web-2"].map((name) => ({ name, strategy: "initramfs" })),
      })
    ).map(({ name }) => name);

  it.each([
    ["{web,db}", ["web", "db"]],
    ["{web,db},web-*", ["web", "db", "web-2"]],
    ["db, web", ["web", "db"]],
    ["@(web|db),x", ["web", "db"]],
  ])("%j", async (filter, expected) => {
    expect(await names(filter)).toEqual(expected);
  });

  it.each(["", ",", "web,", " ", "a,,b"])("%j is refused", async (filter) => {
    await expect(names(filter)).rejects.toMatchObject({ code: "usage", message: expect.stringContaining("empty") });
  });
});

describe("the key __proto__", () => {
  it.each([
    '[manifest.workload.env]\n__proto__ = "x"\n',
    '[registries."__proto__"]\ninsecure = true\n',
    '[manifest.labels]\n"__proto__" = "x"\n',
    "[__proto__]\nx = 1\n",
  ])("is refused with its line: %j", async (text) => {
    const cwd = project({ "fledge.toml": `name = "x"\nstrategy = "initramfs"\n${text}` });
    const [problem] = await problemsOf(load(cwd), cwd);
    expect(problem).toMatch(/^fledge\.toml:[34]:\d+: .*__proto__/);
  });
});

test("an unset variable in workload.env is named", async () => {
  const config = `export default ({ env }) => ({ name: "x", strategy: "initramfs",
    manifest: { workload: { baseUrl: "http://127.0.0.1:80", env: { TOKEN: env.TOKEN } } } });`;
  const cwd = project({ "package.json": "{}", "fledge.config.ts": config });
  expect(await problemsOf(load(cwd), cwd)).toEqual([
    expect.stringMatching(/^fledge\.config\.ts: manifest\.workload\.env\.TOKEN: is undefined .*set TOKEN/),
  ]);
});

describe("options of a preset", () => {
  const value = (text: string): string => `["./p.ts", { x: ${text} }]`;
  it.each([
    ["/a/", "/b/"],
    ["1n", "2n"],
    ["new Map([[1, 2]])", "new Map([[1, 3]])"],
    ["new Date(0)", "new Date(1)"],
    ["undefined", "null"],
    ["NaN", "null"],
    ["-0", "0"],
    ["() => 1", "() => 2"],
    ["new Set([1])", "{}"],
    ["new Uint8Array([1])", "new Uint8Array([2])"],
  ])("%s and %s are two layers, and the same is one", async (a, b) => {
    const cwd = project({
      "package.json": "{}",
      "p.ts": `export default (options) => ({ meta: { name: "p" }, stages: [{ name: "s", phase: "rootfs", run() {} }] });`,
      "a.ts": `export default { meta: { name: "a" }, extends: [${value(a)}] };`,
      "fledge.config.ts": `export default { name: "x", strategy: "initramfs", extends: ["./a.ts", ${value(b)}, ${value(b)}] };`,
    });
    const isByIdentity = a.includes("=>");
    expect((await load(cwd))[0]?.stages).toHaveLength(isByIdentity ? 3 : 2);
  });
});

describe("a preset's package", () => {
  it.each([
    ["import", '{ ".": { "import": "./p.mjs" } }'],
    ["require", '{ ".": { "require": "./p.cjs" } }'],
    ["node and require", '{ ".": { "node": { "require": "./p.cjs" } } }'],
    ["module-sync", '{ ".": { "module-sync": "./p.mjs" } }'],
    ["node-addons", '{ ".": { "node-addons": "./p.mjs" } }'],
    ["default", '{ ".": { "default": "./p.cjs" } }'],
    ["a list", '{ ".": [{ "browser": "./no.js" }, "./p.mjs"] }'],
  ])("may export by %s", async (_what, exports) => {
    const cwd = project({
      "fledge.toml": 'name = "x"\nstrategy = "initramfs"\nextends = "preset"\n',
      "node_modules/preset/package.json": `{ "name": "preset", "exports": ${exports} }`,
      "node_modules/preset/p.mjs": `export default { meta: { name: "p" }, version: "7.0.0" };`,
      "node_modules/preset/p.cjs": `module.exports = { meta: { name: "p" }, version: "7.0.0" };`,
    });
    expect((await load(cwd))[0]?.version).toBe("7.0.0");
  });
});

describe("declarative", () => {
  const preset = { "p.mjs": 'export default { meta: { name: "p" }, version: "7.0.0" };' };
  const toml = (entry: string) => `name = "x"\nstrategy = "oci_rootfs"\nextends = [${entry}]\n[source]\ndir = "."\n`;

  it("refuses code: configs, presets by path and package, below other TOML too", async () => {
    const cwd = project({ "package.json": "{}", "fledge.config.ts": CONFIG });
    expect(await problemsOf(load(cwd, { declarative: true }), cwd)).toEqual([
      expect.stringContaining("fledge.config.ts: is code, and --declarative takes data only"),
    ]);
    const nested = project({ ...preset, "fledge.toml": toml('"./more.toml"'), "more.toml": 'extends = "./p.mjs"\n' });
    expect(await problemsOf(load(nested, { declarative: true }), nested)).toEqual([
      'more.toml: "./p.mjs", which it extends, is code, and --declarative takes data only (--allow-preset ./p.mjs allows it, if you trust it)',
    ]);
    expect(await load(nested)).toMatchObject([{ version: "7.0.0" }]);
    expect(await load(nested, { declarative: ["./p.mjs"] })).toMatchObject([{ version: "7.0.0" }]);
  });

  it("takes bundled presets, fledge's own and not what the project has under their name", async () => {
    const cwd = project({
      "fledge.toml": toml('["@volantvm/fledge/presets/static-binary", { binary = "./a" }]')
        .replace("oci_rootfs", "initramfs")
        .replace('[source]\ndir = "."\n', ""),
      "node_modules/@volantvm/fledge/package.json": '{ "type": "module", "exports": { "./presets/*": "./evil.js" } }',
      "node_modules/@volantvm/fledge/evil.js": 'throw new Error("evil");',
    });
    const outcome = await load(cwd, { declarative: true }).then(
      () => "",
      (error) => JSON.stringify(error.problems),
    );
    expect(outcome).not.toContain("evil");
  });
});
