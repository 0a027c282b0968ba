import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { loadPlugins as source } from "../../src/config/project.ts";
import { project } from "../helpers/project.ts";

// The built package, since its hooks run in a thread that has no TypeScript.
const { loadPlugins }: { loadPlugins: typeof source } = await import(
  new URL("../../dist/index.js", import.meta.url).href
);

const PACKAGE = "@volantvm/fledge";
const TYPES = { commonjs: '{ "type": "commonjs" }', module: '{ "type": "module" }', none: "{}" };
const recipe = (name: string) => `export default definePlugin({ name: ${name}, strategy: "initramfs" });\n`;
const withImport = (line: string) => `import { definePlugin } from "${PACKAGE}";\n${line}\n${recipe('"x"')}`;

async function nameOf(cwd: string, configFile?: string): Promise<string | undefined> {
  const options = { cwd, env: {}, platform: "linux/amd64", ...(configFile !== undefined && { configFile }) };
  return (await loadPlugins(options))[0]?.name;
}

describe.each(Object.entries(TYPES))('in a project of type "%s", a config', (_type, packageJson) => {
  test.each([
    ["has the words in a comment", "// there is no __dirname here, nor require(x) or module.exports"],
    ["has them in strings", `const help = "node -p 'require(1)'", more = \`\${help} __dirname\`; if (!more) exit();`],
    [
      "has them as keys, members and parameters",
      "const of = { module: { require: 1 } }; ((require: number) => require)(of.module.require);",
    ],
    [
      "declares __dirname, as is usual",
      `import { fileURLToPath } from "node:url"; import { dirname } from "node:path";
       const __dirname = dirname(fileURLToPath(import.meta.url)); if (!__dirname.startsWith("/")) throw __dirname;`,
    ],
    [
      "makes a require",
      `import { createRequire } from "node:module"; const require = createRequire(import.meta.url); require("./package.json");`,
    ],
    ["awaits at the top below such a comment", "// __dirname\nawait Promise.resolve();"],
    [
      "uses __dirname, __filename and require",
      `import { readFileSync } from "node:fs"; readFileSync(__dirname + "/package.json"); readFileSync(__filename);
       await 1; if (require("./data.json").answer !== 42 || require.resolve("./data.json") !== __dirname + "/data.json") throw 1;`,
    ],
    [
      "takes a helper that imports fledge",
      'import { here } from "./lib/h"; if (!here.endsWith("/lib")) throw new Error(here);',
    ],
    ["takes one that does not", 'import { here } from "./lib/p"; if (!here.endsWith("/lib")) throw new Error(here);'],
    [
      "takes CommonJS in TypeScript and JavaScript",
      `import cts, { here } from "./lib/c.cts"; import old from "./lib/old"; import js from "./lib/j.cjs"; import { named } from "./lib/set";
       for (const path of [cts.here, here, old.here, js.here, named, require("./lib/p").here, require("./lib/c.cts").here])
         if (!path.endsWith("/lib")) throw new Error(path);`,
    ],
    [
      "takes JSON",
      'import data from "./data.json" with { type: "json" }; import same from "./data.json"; if (data.answer + same.answer !== 84) throw 1;',
    ],
    [
      "is told apart from a type import",
      'import type { PluginConfig } from "@volantvm/fledge"; let a: PluginConfig | undefined; // module.exports = a',
    ],
  ])("%s", async (_what, line) => {
    const cwd = project({
      "package.json": packageJson,
      "data.json": '{ "answer": 42 }',
      "lib/h.ts": `import { definePlugin } from "${PACKAGE}";\nexport const here = __dirname;\nexport const plugin = definePlugin;\n`,
      "lib/p.ts": "export const here = __dirname;\n",
      "lib/c.cts": "import path = require('node:path');\nexport = { here: path.join(__dirname, '.') };\n",
      "lib/old.ts": "const { join } = require('node:path'); module.exports = { here: join(__dirname, '.') };\n",
      "lib/set.ts": "exports.named = __dirname;\n",
      "lib/j.cjs": "module.exports = { here: __dirname };\n",
      "fledge.config.ts": withImport(line).replace("export = {", "export = {"),
    });
    expect(await nameOf(cwd)).toBe("x");
  });

  test.each([
    ["fledge.config.mts", withImport("await 1; __dirname;")],
    ["fledge.config.cts", withImport("__dirname;")],
    ["fledge.config.mjs", withImport("await 1;")],
    [
      "fledge.config.cjs",
      `const { definePlugin } = require("${PACKAGE}"); module.exports = definePlugin({ name: "x", strategy: "initramfs" });`,
    ],
    [
      "old.ts",
      `const { definePlugin } = require("${PACKAGE}"); module.exports = definePlugin({ name: "x", strategy: "initramfs" });`,
    ],
    [
      "old.cts",
      `import fledge = require("${PACKAGE}"); export = fledge.definePlugin({ name: "x", strategy: "initramfs" });`,
    ],
    [
      "mixed.ts",
      `import { definePlugin } from "${PACKAGE}"; module.exports = definePlugin({ name: "x", strategy: "initramfs" });`,
    ],
    ["fledge.config.js", withImport("await 1;")],
  ])("may be %s", async (file, text) => {
    const cwd = project({ "package.json": packageJson, [file]: text });
    expect(await nameOf(cwd, file)).toBe("x");
  });
});

test("a config without any package.json is one too", async () => {
  const cwd = project({
    "fledge.config.ts": withImport("await 1; if (!__dirname) throw 1;"),
    "old.js": `module.exports = { name: require("node:path").basename("/y"), strategy: "initramfs" };`,
  });
  expect(await nameOf(cwd)).toBe("x");
  expect(await nameOf(cwd, "old.js")).toBe("y");
});

describe("a folder may be called", () => {
  test.each([
    "a#b",
    "a?b",
    "100%",
    "%41%zz",
    "a b",
    "a\nb",
    "çé日本",
    "e\u0301",
    "a\\b",
    `a'b"c\`d`,
    "a&b=c",
    "a[b]{c}*",
    "$HOME",
    "a:b",
    "a;b",
    "~",
  ])("%j", async (name) => {
    const cwd = join(project({}), name);
    mkdirSync(join(cwd, "lib"), { recursive: true });
    const files = {
      "package.json": '{ "type": "commonjs" }',
      "tsconfig.json": '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }',
      "data.json": '{ "answer": 42 }',
      "lib/h.ts": `import { definePlugin } from "${PACKAGE}";\nexport const plugin = definePlugin;\nexport const here: string = __dirname;\n`,
      "lib/c.cjs": "exports.here = __dirname;",
      "preset.ts": `export default { meta: { name: "p" }, mappings: { "./a": "/a" } };`,
      ".env": "WHO=x\n",
      "fledge.config.ts": `import { here, plugin } from "./lib/h"; import c from "./lib/c.cjs"; import { readFileSync } from "node:fs";
          const data = JSON.parse(readFileSync(new URL("./data.json", import.meta.url), "utf8"));
          for (const path of [here, c.here]) if (path !== __dirname + "/lib") throw new Error(path);
          if (data.answer !== 42 || require("./data.json").answer !== 42) throw new Error("data");
          export default plugin(({ env }) => ({ name: env.WHO, strategy: "initramfs", extends: "./preset", init: { path: "./a" } }));`,
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
    const [plugin] = await loadPlugins({ cwd, env: {}, platform: "linux/amd64" });
    expect(plugin).toMatchObject({
      name: "x",
      outDir: cwd,
      mappings: [{ from: join(cwd, "a") }],
      init: { from: join(cwd, "a") },
    });
  });
});

test("what CommonJS throws is an error like any other", async () => {
  const cwd = project({
    "package.json": "{}",
    "fledge.config.ts": `import "./lib/a.cts"; export default {};`,
    "lib/a.cts": "import x = require('node:path');\nif (x) throw new Error('bang');\nexport = x;\n",
  });
  await expect(nameOf(cwd)).rejects.toMatchObject({
    code: "config",
    problems: [{ message: "bang", file: join(cwd, "lib/a.cts") }],
  });
});
