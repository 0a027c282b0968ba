import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { HOOK_NAMES } from "../src/contract/hooks.ts";
import * as sdk from "../src/index.ts";
import { PRESETS } from "../src/presets/index.ts";
import { fledge } from "./helpers/cli.ts";
import { project } from "./helpers/project.ts";
import { optionsTable } from "./helpers/reference.ts";
import { typeCheck } from "./helpers/type-check.ts";
import { undocumentedExports } from "./helpers/undocumented.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const README = join(ROOT, "README.md");
const text = readFileSync(README, "utf8");

function codeBlocks(language: string, markdown = text): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] ?? "");
}

/** What a newcomer reads: the documents of the repository, those of the examples and of the presets. */
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(ROOT, "examples"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `examples/${name}/README.md`),
  ...Object.keys(PRESETS).map((name) => `src/presets/${name}/README.md`),
];

test("every TypeScript block of the README, and of those of presets, type-checks", () => {
  const presets = Object.keys(PRESETS).map((name) =>
    readFileSync(join(ROOT, "src/presets", name, "README.md"), "utf8"),
  );
  const blocks = [text, ...presets].flatMap((markdown) => codeBlocks("ts", markdown));
  expect(blocks.length).toBeGreaterThan(3);
  typeCheck(blocks);
}, 300_000);

test("every TOML block of the README is one that fledge reads", () => {
  const blocks = codeBlocks("toml");
  expect(blocks.length).toBeGreaterThan(1);
  for (const block of blocks) expect(Object.keys(parse(block)).length).toBeGreaterThan(0);
});

/** The table between the markers is made from the schema: `UPDATE_README=1 npx vitest run test/docs.test.ts` renews it. */
test("the reference of options is that of the schema", () => {
  const [begin, end] = ["<!-- options -->\n", "<!-- /options -->"];
  const [start, stop] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (process.env.UPDATE_README) writeFileSync(README, `${text.slice(0, start)}${optionsTable()}\n${text.slice(stop)}`);
  else expect(text.slice(start, stop)).toBe(`${optionsTable()}\n`);
});

test("every hook, command and export that there is, and no other, is in the README", async () => {
  for (const hook of HOOK_NAMES) expect(text).toContain(`\`${hook}\``);
  const { stdout } = await fledge(["--help"]);
  const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map((match) => match[1]);
  for (const command of commands) expect(text).toContain(`\`fledge ${command}`);
  expect(Object.keys(sdk).sort()).toMatchInlineSnapshot(`
    [
      "FledgeError",
      "RootfsTree",
      "addCaCertificates",
      "addGroup",
      "addUser",
      "artifactFacts",
      "bootArtifact",
      "bootCommand",
      "budgetStatus",
      "build",
      "buildAll",
      "buildPage",
      "checkManifest",
      "checkManifestFile",
      "defineImager",
      "definePlugin",
      "definePreset",
      "defineSource",
      "defineStage",
      "defineWorkspace",
      "dev",
      "diagnoseAll",
      "diagnoseBoot",
      "diagnosePlan",
      "diffImages",
      "diffPage",
      "explainPath",
      "extractImage",
      "formatEnv",
      "imageConfig",
      "initProject",
      "inspectImage",
      "inspectPage",
      "installTree",
      "isFledgeError",
      "layerFromTar",
      "listImage",
      "loadPlugins",
      "loadProject",
      "lockPlugins",
      "lockStatus",
      "migrateProject",
      "openImage",
      "plan",
      "publishPlugin",
      "pullPlugin",
      "pushPlugin",
      "renderTemplate",
      "runBootTests",
      "runProgram",
      "serviceScript",
      "stripDocs",
      "updateLock",
      "watchedPaths",
      "writeBaseline",
      "writeHashed",
      "writeTar",
    ]
  `);
});

test("the README has at most 300 lines", () => {
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(300);
});

test.each(DOCUMENTS)("the links of %s lead somewhere", (document) => {
  const prose = readFileSync(join(ROOT, document), "utf8").replace(/^```.*?^```/gms, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const local = links.filter((target) => !/^[a-z]+:/.test(target));
  expect(local.filter((target) => !existsSync(join(ROOT, dirname(document), target)))).toEqual([]);
});

test("every export of the package has a TSDoc comment", () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const declarations = Object.values<{ readonly types?: string }>(exports).flatMap(({ types = [] }) => types);
  const patterns = declarations.flatMap((file) => Object.keys(PRESETS).map((name) => file.replace("*", name)));
  const files = [...new Set(patterns)].map((file) => join(ROOT, file));
  expect(undocumentedExports(ROOT, files)).toEqual([]);
  const folder = project({
    "a.d.ts": "/** One. */\nexport type A = 1;\nexport type B = 2;\nexport { C } from './c.ts';\n",
    "c.d.ts": "export type C = 3;\n",
  });
  expect(undocumentedExports(folder, [join(folder, "a.d.ts")])).toEqual(["a.d.ts: B", "a.d.ts: C"]);
}, 120_000);
