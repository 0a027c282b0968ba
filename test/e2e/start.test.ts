import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { tempDir } from "../helpers/temp.ts";

const CONFIG = { name: "x", strategy: "initramfs", init: { none: true } };

const TOML = { "fledge.toml": 'version = "1"\nstrategy = "initramfs"\n[init]\nnone = true\n' };
const TYPESCRIPT = {
  "fledge.config.ts": `import { definePlugin } from "@volantvm/fledge";\nexport default definePlugin(${JSON.stringify(CONFIG)});\n`,
};
const PRESET = {
  "base.mjs": 'export default { meta: { name: "base" }, version: "1.0.0" };\n',
  "fledge.config.mjs": `export default ${JSON.stringify({ ...CONFIG, extends: "./base.mjs" })};\n`,
};

/** A header whose numbers are zero but for one link and the length of its name, that of the last record. */
const EMPTY_CPIO = `070701${"0".repeat(39)}1${"0".repeat(55)}b${"0".repeat(8)}TRAILER!!!${"\0".repeat(4)}`;

/** Every module that a command loads, in all of its threads, with its path in the repository. */
async function modulesOf(args: readonly string[], files: Record<string, string> = {}): Promise<string[]> {
  const coverage = tempDir();
  const { code, stderr } = await fledge(args, { cwd: project(files), env: { NODE_V8_COVERAGE: coverage } });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const threads = readdirSync(coverage).map((name) => readFileSync(join(coverage, name), "utf8"));
  const urls = threads.flatMap((text) =>
    (JSON.parse(text) as { result: { url: string }[] }).result.map(({ url }) => url),
  );
  return urls.filter((url) => url.startsWith("file:"));
}

// What takes long is each module, so that few may be loaded: these are counts, since times are the machine's. The help
// loads a module of one line for each command.
test.each<[string, number, string[], Record<string, string>?]>([
  ["the version", 6, ["version"]],
  ["the help", 33, ["--help"]],
  ["the help of a command", 6, ["build", "--help"]],
  ["the plan of a TOML recipe", 30, ["plan"], TOML],
  ["the plan of a TypeScript recipe", 60, ["plan"], TYPESCRIPT],
])("%s takes at most %i modules", async (_what, most, args, files) => {
  const modules = await modulesOf(args, files);
  expect(modules.length, modules.join("\n")).toBeLessThanOrEqual(most);
  expect(modules.length).toBeGreaterThan(2);
});

test("a command loads what it uses", async () => {
  const isThere = (modules: string[], name: string): boolean => modules.some((url) => url.includes(name));
  const [help, toml, preset, looking, booting] = [
    await modulesOf(["--help"]),
    await modulesOf(["plan"], TOML),
    await modulesOf(["plan"], PRESET),
    await modulesOf(["ls", "empty.cpio"], { "empty.cpio": EMPTY_CPIO }),
    await modulesOf(["boot", "--print", "empty.cpio"], { "empty.cpio": EMPTY_CPIO }),
  ];
  expect(["sdk", "execa"].filter((name) => isThere([...looking, ...booting], `/chunks/${name}-`))).toEqual([]);
  expect(["zod", "sdk"].filter((name) => isThere(help, `/chunks/${name}-`))).toEqual([]);
  const others = ["undici-", "/tsx/", "/esbuild/", "/c12/", "/chunks/inspect-", "/chunks/boot-"];
  expect(others.filter((name) => isThere(toml, name))).toEqual([]);
  expect(["/chunks/zod-", "/chunks/sdk-", "/c12/"].filter((name) => !isThere(preset, name))).toEqual([]);
  expect(isThere(preset, "undici-")).toBe(false);
});

test("the stack of an error is one of the sources", async () => {
  const thrower = 'hooks: { "rootfs:ready": () => { throw new Error("mine"); } }';
  const config = `export default { ...${JSON.stringify(CONFIG)}, ${thrower} };`;
  const { code, stderr } = await fledge(["build", "--verbose"], { cwd: project({ "fledge.config.ts": config }) });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/caused by Error: mine\n.*fledge\.config\.ts/);
  expect(stderr).toMatch(/src\/pipeline\/[\w-]+\.ts:\d+:\d+/);
  expect(stderr).not.toContain("/dist/chunks/");
});
