import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { definePlugin } from "../../../src/config/define.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { project } from "../../helpers/project.ts";
import { problemsOf } from "./expect-problems.ts";

const common = { env: {}, platform: "linux/amd64" };
const MODULE = JSON.stringify({ type: "module" });

const load = (cwd: string) => loadPlugins({ ...common, cwd });
const problems = (cwd: string) => problemsOf(load(cwd), cwd);

describe("a TypeScript config", () => {
  const files = {
    "fledge.config.ts": `
      import { isFledgeError } from "@volantvm/fledge";
      import { Port } from "./ports.js";
      import { label } from "#labels";
      import { shared } from "@shared/name";
      const version: string = await Promise.resolve("1.0.0");
      export default {
        name: shared, version, strategy: "initramfs",
        manifest: { workload: { baseUrl: \`http://127.0.0.1:\${Port.Web}\` }, labels: { label, sdk: typeof isFledgeError } },
      };`,
    "ports.ts": "export enum Port { Web = 8080 }",
    "labels.ts": "export const label: string = await Promise.resolve('blue');",
    "lib/name.ts": "export const shared = 'web';",
    "tsconfig.json": JSON.stringify({ compilerOptions: { paths: { "@shared/*": ["./lib/*"] } } }),
  };
  const expected = {
    name: "web",
    version: "1.0.0",
    manifest: { workload: { baseUrl: "http://127.0.0.1:8080" }, labels: { label: "blue", sdk: "function" } },
  };
  const imports = { imports: { "#labels": "./labels.ts" } };

  it("imports local files, tsconfig paths, package imports and fledge, and awaits at the top", async () => {
    const cwd = project({ ...files, "package.json": JSON.stringify({ type: "module", ...imports }) });
    expect(await load(cwd)).toMatchObject([expected]);
  });

  it('does so in a project without "type": "module", and leaves nothing behind', async () => {
    const cwd = project({ ...files, "package.json": JSON.stringify(imports) });
    expect(await load(cwd)).toMatchObject([expected]);
    expect(readdirSync(cwd).sort()).toEqual([
      "fledge.config.ts",
      "labels.ts",
      "lib",
      "package.json",
      "ports.ts",
      "tsconfig.json",
    ]);
  });

  it("takes the fledge that the project has", async () => {
    const cwd = project({
      "fledge.config.ts": `import { mine } from "@volantvm/fledge"; export default { name: mine, strategy: "initramfs" };`,
      "node_modules/@volantvm/fledge/package.json": JSON.stringify({ type: "module", exports: "./index.js" }),
      "node_modules/@volantvm/fledge/index.js": "export const mine = 'installed';",
    });
    expect(await load(cwd)).toMatchObject([{ name: "installed" }]);
  });

  it("may use require in a CommonJS project", async () => {
    const cwd = project({
      "fledge.config.js": `module.exports = { name: require("node:path").basename("/a/cjs"), strategy: "initramfs" };`,
    });
    expect(await load(cwd)).toMatchObject([{ name: "cjs" }]);
  });

  it("is preferred to fledge.toml, and any file may be named", async () => {
    const cwd = project({
      "fledge.config.mjs": `export default { name: "mjs", strategy: "initramfs" };`,
      "fledge.toml": 'name = "toml"\nstrategy = "initramfs"\n',
    });
    expect(await load(cwd)).toMatchObject([{ name: "mjs" }]);
    expect(await loadPlugins({ ...common, cwd, configFile: "fledge.toml" })).toMatchObject([{ name: "toml" }]);
    expect(await loadPlugins({ ...common, configFile: cwd })).toMatchObject([{ name: "mjs" }]);
  });
});

describe("what a config may export", () => {
  const config = (text: string) => project({ "fledge.config.ts": text, "package.json": MODULE });

  it("a function of mode, platform and env", async () => {
    const cwd = config(`export default async ({ mode, platform, env }) => ({
      name: [mode, platform.replace("/", "-"), env.WHO].join("."), strategy: "initramfs", busybox: { path: "bb" } });`);
    const options = { cwd, mode: "dev", platform: "linux/arm64", env: { WHO: "me" } };
    expect(await loadPlugins(options)).toMatchObject([
      { name: "dev.linux-arm64.me", platform: { os: "linux", architecture: "arm64" } },
    ]);
  });

  it("a promise, and an array of all of these", async () => {
    expect(
      await load(config(`export default Promise.resolve({ name: "later", strategy: "initramfs" });`)),
    ).toMatchObject([{ name: "later" }]);
    const cwd = config(`export default [
      { name: "a", strategy: "initramfs" }, () => ({ name: "b", strategy: "initramfs" }),
      Promise.resolve({ name: "c", strategy: "oci_rootfs", source: { dir: "." } })];`);
    expect((await load(cwd)).map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect((await loadPlugins({ ...common, cwd, names: ["c", "a"] })).map(({ name }) => name)).toEqual(["c", "a"]);
    await expect(loadPlugins({ ...common, cwd, names: ["d"] })).rejects.toMatchObject({ code: "usage" });
    await expect(loadPlugins({ ...common, cwd, output: "x.img" })).rejects.toMatchObject({ code: "usage" });
  });

  it("not two plugins of one name", async () => {
    const cwd = config(`const a = { name: "a", strategy: "initramfs" }; export default [a, a];`);
    expect(await problems(cwd)).toEqual([
      'fledge.config.ts has two plugins called "a" (give each a name of its own, or a platform)',
    ]);
  });

  it("nothing else", async () => {
    expect(await problems(config("export const a = 1;"))).toEqual([
      "fledge.config.ts: has no default export (write export default definePlugin({ ... }))",
    ]);
    expect(await problems(config("export default 5;"))).toEqual([
      "fledge.config.ts: its default export must be an object, got number (export default definePlugin({ ... }))",
    ]);
    expect(await problems(config("export default [];"))).toEqual(["fledge.config.ts: exports an empty array"]);
    const cjs = project({ "fledge.config.ts": "export const a = 1;" });
    expect(await problems(cjs)).toEqual([expect.stringContaining("has no default export")]);
  });
});

describe(".env", () => {
  it("adds to the environment of the config, below what is set", async () => {
    const cwd = project({
      ".env": "FROM_FILE=file\nSET=file\nJOINED=$" + "{FROM_FILE}-x\n",
      "fledge.config.ts": `export default ({ env }) => ({ name: [env.FROM_FILE, env.SET, env.JOINED].join("."), strategy: "initramfs" });`,
      "package.json": MODULE,
    });
    const env = { SET: "real", PS1: "$HOME" };
    expect(await loadPlugins({ ...common, cwd, env })).toMatchObject([{ name: "file.real.file-x" }]);
    expect(env).toEqual({ SET: "real", PS1: "$HOME" });
    expect(process.env.FROM_FILE).toBeUndefined();
  });
});

describe("a recipe without a file", () => {
  it("is read as the config of the folder would be, and nothing beside it is", async () => {
    const cwd = project({ "manifest.toml": "version = '9.0.0'", "fledge.config.ts": "throw new Error('not this')" });
    const config = definePlugin(({ mode }) => ({ strategy: "initramfs", name: mode, mappings: { "./a": "/bin/a" } }));
    expect(await loadPlugins({ ...common, cwd, config, mode: "test" })).toMatchObject([
      { name: "test", version: "0.1.0", outDir: cwd, mappings: [{ from: join(cwd, "a"), to: "/bin/a" }] },
    ]);
    const several = [config, { strategy: "oci_rootfs", name: "b", source: { dir: "x" } }] as const;
    const manifestFile = "manifest.toml";
    expect(await loadPlugins({ ...common, cwd, config: several, manifestFile, names: ["b"] })).toMatchObject([
      { name: "b", version: "9.0.0", source: { dir: join(cwd, "x") } },
    ]);
  });

  it("has its problems reported like any other", async () => {
    const cwd = project({});
    const config = { strategy: "initramfs", mapping: {} } as never;
    expect(await problemsOf(loadPlugins({ ...common, cwd, config }), cwd)).toEqual([
      'fledge.config.ts: mapping: unknown key (did you mean "mappings"?)',
    ]);
  });
});

describe("extends", () => {
  it("takes folders, files, TOML, packages with TypeScript entries, and options", async () => {
    const cwd = project({
      "package.json": MODULE,
      "app/fledge.config.ts": `export default {
        name: "app", strategy: "initramfs",
        extends: ["../presets/base", "../presets/more.toml", ["fledge-preset-port", { port: 81 }], "@team/preset/labels"],
        mappings: { "./app": "/app" },
      };`,
      "presets/base/fledge.config.ts": `export default ({ mode }) => ({
        version: "9.0.0", mappings: { "./base.conf": "/etc/base.conf" }, manifest: { labels: { base: mode, over: "base" } } });`,
      "presets/more.toml": '[manifest.labels]\nover = "more"\n[mappings]\n"more.conf" = "/etc/more.conf"\n',
      "node_modules/fledge-preset-port/package.json": JSON.stringify({
        name: "fledge-preset-port",
        type: "module",
        exports: { ".": { import: "./src/index.ts" } },
      }),
      "node_modules/fledge-preset-port/src/index.ts": `
        import { definePreset } from "fledge-fake";
        type Options = { port: number };
        export default definePreset((options: Options, env: { platform: string }) => ({ meta: { name: "port" },
          manifest: { workload: { baseUrl: "http://127.0.0.1:" + options.port }, labels: { platform: env.platform } } }));`,
      "node_modules/fledge-fake/package.json": JSON.stringify({ type: "module", exports: "./index.js" }),
      "node_modules/fledge-fake/index.js": "export const definePreset = (preset) => preset;",
      "node_modules/@team/preset/package.json": JSON.stringify({
        type: "module",
        exports: { "./labels": "./labels.mjs" },
      }),
      "node_modules/@team/preset/labels.mjs":
        "export default { meta: { name: 'labels' }, manifest: { labels: { team: 'a' } } };",
    });
    const [plugin] = await load(join(cwd, "app"));
    expect(plugin).toMatchObject({
      name: "app",
      version: "9.0.0",
      manifest: {
        workload: { baseUrl: "http://127.0.0.1:81" },
        labels: { base: "production", over: "more", platform: "linux/amd64", team: "a" },
      },
      mappings: [
        { from: join(cwd, "app/app"), to: "/app", key: 'mappings["./app"]' },
        { from: join(cwd, "presets/base/base.conf"), to: "/etc/base.conf", key: 'mappings["./base.conf"]' },
        { from: join(cwd, "presets/more.conf"), to: "/etc/more.conf", key: 'mappings["more.conf"]' },
      ],
    });
  });

  it("keeps the hooks and stages of every layer, low first, and of a shared preset once", async () => {
    const preset = (name: string, more = "") => `export default { meta: { name: "${name}" }, ${more}
      hooks: { "rootfs:ready": () => {} }, stages: [{ name: "${name}", phase: "rootfs", run() {} }] };`;
    const cwd = project({
      "package.json": MODULE,
      "base.ts": preset("base"),
      "a.ts": preset("a", 'extends: "./base.ts",'),
      "b.ts": preset("b", 'extends: "./base",'),
      "fledge.config.ts": `export default { name: "x", strategy: "initramfs", extends: ["./a.ts", "./b.ts"],
        hooks: { "build:done": () => {} } };`,
    });
    const [plugin] = await load(cwd);
    expect(plugin?.hooks.map(({ origin }) => basename(origin))).toEqual(["base", "a", "b", "fledge.config.ts"]);
    expect(plugin?.stages.map(({ origin, stage }) => [origin, stage.name])).toEqual([
      ["base", "base"],
      ["a", "a"],
      ["b", "b"],
    ]);
  });

  it("puts manifest.toml above presets and below the config", async () => {
    const cwd = project({
      "package.json": MODULE,
      "preset.ts": `export default { meta: { name: "p" }, version: "1.0.0", manifest: { runtime: "preset", labels: { a: "preset" } } };`,
      "manifest.toml": 'version = "2.0.0"\nruntime = "manifest"\n[labels]\na = "manifest"\n',
      "other.toml": 'version = "3.0.0"\n',
      "fledge.config.ts": `export default { name: "x", strategy: "initramfs", extends: "./preset.ts", manifest: { runtime: "config" } };`,
    });
    expect(await load(cwd)).toMatchObject([
      { version: "2.0.0", runtime: "config", manifest: { labels: { a: "manifest" } } },
    ]);
    expect(await loadPlugins({ ...common, cwd, manifestFile: "other.toml" })).toMatchObject([
      { version: "3.0.0", manifest: { labels: { a: "preset" } } },
    ]);
  });

  it("fails on what is missing and on a cycle, and names who extends it", async () => {
    const config = (entry: string) => `export default { strategy: "initramfs", extends: ${JSON.stringify(entry)} };`;
    const cwd = project({ "package.json": MODULE, "fledge.config.ts": config("./nowhere") });
    expect(await problems(cwd)).toEqual([
      'fledge.config.ts: cannot find "./nowhere", which it extends (a path is relative to the file that extends it)',
    ]);
    const npm = project({
      "package.json": MODULE,
      "fledge.config.ts": config("./a.ts"),
      "a.ts": config("fledge-preset-x"),
    });
    expect(await problems(npm)).toEqual([
      'a.ts: cannot find "fledge-preset-x", which it extends (npm install --save-dev fledge-preset-x, or write ./fledge-preset-x for a folder)',
    ]);
    const cycle = project({
      "package.json": MODULE,
      "fledge.config.ts": config("./a.ts"),
      "a.ts": config("./b.ts"),
      "b.ts": config("./a.ts"),
    });
    expect(await problems(cycle)).toEqual(["b.ts: extends itself: a.ts -> b.ts -> a.ts (remove one of the extends)"]);
  });

  it("checks presets, and names their file", async () => {
    const cwd = project({
      "package.json": MODULE,
      "fledge.config.ts": `export default { strategy: "initramfs", extends: "./preset.ts" };`,
      "preset.ts": `export default { meta: { name: "p" }, mapping: {} };`,
    });
    expect(await problems(cwd)).toEqual(['preset.ts: mapping: unknown key (did you mean "mappings"?)']);
    const several = project({
      "package.json": MODULE,
      "fledge.config.ts": `export default { strategy: "initramfs", extends: "./preset.ts" };`,
      "preset.ts": "export default [{}];",
    });
    expect(await problems(several)).toEqual(["preset.ts: exports several plugins and cannot be extended"]);
  });
});

describe("what is wrong in user code", () => {
  const config = (text: string) => problems(project({ "fledge.config.ts": text, "package.json": MODULE }));

  it("is told with file, line and column of the TypeScript", async () => {
    // vitest puts a formatter of its own in the place of Node's, which reads source maps.
    const { prepareStackTrace } = Error;
    Error.prepareStackTrace = undefined as never;
    onTestFinished(() => {
      Error.prepareStackTrace = prepareStackTrace as never;
    });
    expect(await config("const a: number = 1;\nexport default { a:: 3 };\n")).toEqual([
      'fledge.config.ts:2:20: syntax error: Unexpected ":"',
    ]);
    expect(await config('type A = {\n  a: 1;\n};\n\nthrow new Error("bang");\nexport default {};\n')).toEqual([
      "fledge.config.ts:5:7: bang",
    ]);
    expect(await config('type A = 1;\nexport default () => {\n  throw new Error("later");\n};\n')).toEqual([
      "fledge.config.ts:3:9: later",
    ]);
    expect(await config('import "nothing-of-that-name";\nexport default {};')).toEqual([
      'fledge.config.ts: cannot find "nothing-of-that-name", which it imports (npm install nothing-of-that-name)',
    ]);
  });

  it("is told for unknown keys, wrong types and hooks, all at once", async () => {
    expect(
      await config(`export default { strategy: "initramfs", name: "No Name", agnet: {}, version: 1, outDir: ["x"],
        source: { image: "a", dir: "." }, mappings: { "./a": { to: "b" } }, agent: true,
        init: { path: "./init", none: true }, archive: { compression: "gzp" },
        hooks: { "rootfs:redy": () => {}, "build:done": "echo" },
        stages: [{ name: "s", phase: "rootf", run: 1 }] };`),
    ).toEqual([
      'fledge.config.ts: agnet: unknown key (did you mean "agent"?)',
      'fledge.config.ts: name: "No Name" is not a plugin name; use lower case letters, digits, ".", "_" and "-"',
      "fledge.config.ts: version: expected a string, got 1",
      'fledge.config.ts: outDir: expected a string, got ["x"]',
      'fledge.config.ts: mappings["./a"].to: the destination "b" is not absolute; did you mean "/b"?',
      'fledge.config.ts: agent: expected false or an object with one of "release", "path", "url", got true',
      'fledge.config.ts: source: "image" and "dir" exclude each other (keep one of them)',
      'fledge.config.ts: hooks.rootfs:redy: unknown hook (did you mean "rootfs:ready"?)',
      "fledge.config.ts: hooks.build:done: is not a function but of type string",
      "fledge.config.ts: stages[0].run: is not a function",
      'fledge.config.ts: stages[0].phase: "rootf" is not a phase (did you mean "rootfs"?)',
      expect.stringContaining('init: "path" and "none" exclude each other'),
      'fledge.config.ts: archive.compression: expected "gzip" or "zstd" or "xz" or "lz4" or "none", got "gzp" (did you mean "gzip"?)',
    ]);
  });
});

describe("no config", () => {
  it("says where it looked and how to begin", async () => {
    const cwd = project({});
    await expect(load(cwd)).rejects.toMatchObject({
      code: "config",
      message: `no config found in ${cwd}; looked for fledge.config.ts, fledge.config.mts, fledge.config.js, fledge.config.mjs, fledge.toml`,
      hint: expect.stringContaining("fledge init"),
    });
    expect(existsSync(join(cwd, "x"))).toBe(false);
    await expect(loadPlugins({ cwd, configFile: "x" })).rejects.toMatchObject({
      message: `there is no config at ${cwd}/x`,
    });
  });
});
