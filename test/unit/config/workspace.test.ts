import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPlugins, loadProject } from "../../../src/config/project.ts";
import { findMembers } from "../../../src/config/workspace.ts";
import { isCovered } from "../../../src/lib/files/watched.ts";
import { project } from "../../helpers/project.ts";
import { problemsOf } from "./expect-problems.ts";

const common = { env: {}, platform: "linux/amd64" };
const TOML = 'strategy = "initramfs"\n[init]\nnone = true\n';

function folder(): string {
  return project({
    "fledge.toml": "",
    "plugins/a/fledge.config.ts": "",
    "plugins/b/fledge.toml": "",
    "plugins/b/deep/fledge.toml": "",
    "plugins/none/readme.txt": "",
    "plugins/preset.ts": "",
    "plugins/.hidden/fledge.toml": "",
    "plugins/node_modules/x/fledge.toml": "",
    "single/one.toml": "",
    "single/two.toml": "",
  });
}

describe("the members of a workspace", () => {
  it.each([
    [["./plugins/*"], ["plugins/a/fledge.config.ts", "plugins/b/fledge.toml"]],
    [["plugins/**"], ["plugins/a/fledge.config.ts", "plugins/b/fledge.toml", "plugins/b/deep/fledge.toml"]],
    [["./plugins/*", "!plugins/b"], ["plugins/a/fledge.config.ts"]],
    [["./plugins/{b,none}"], ["plugins/b/fledge.toml"]],
    [
      ["./plugins/b", "plugins/*"],
      ["plugins/b/fledge.toml", "plugins/a/fledge.config.ts"],
    ],
    [["single/*.toml"], ["single/one.toml", "single/two.toml"]],
    [
      ["single/one.toml", "./plugins/a/"],
      ["single/one.toml", "plugins/a/fledge.config.ts"],
    ],
  ])("of %j", (patterns, expected) => {
    const cwd = folder();
    const { files } = findMembers(join(cwd, "fledge.toml"), patterns);
    expect(files.map((file) => relative(cwd, file))).toEqual(expected);
  });

  it("may be outside its folder", () => {
    const cwd = folder();
    const { files } = findMembers(join(cwd, "single/fledge.toml"), ["../plugins/*"]);
    expect(files.map((file) => relative(cwd, file))).toEqual(["plugins/a/fledge.config.ts", "plugins/b/fledge.toml"]);
  });

  it("are looked for where a new one would be", () => {
    const cwd = folder();
    const { searched } = findMembers(join(cwd, "fledge.toml"), ["plugins/*", "single/*.toml"]);
    const counts = (path: string): boolean => searched.some((watched) => isCovered(watched, join(cwd, path)));
    for (const path of ["plugins/new/fledge.toml", "single/three.toml"]) expect(counts(path)).toBe(true);
    for (const path of [
      "plugins/a/a.cpio.gz",
      "plugins/a/src/fledge.toml",
      "single/x.ts",
      "plugins/.git/fledge.toml",
    ]) {
      expect(counts(path)).toBe(false);
    }
  });

  it("must be there", () => {
    const file = join(folder(), "fledge.toml");
    expect(() => findMembers(file, ["gone", "nowhere/*", "."])).toThrow(
      expect.objectContaining({
        problems: [
          expect.objectContaining({ message: expect.stringMatching(/^there is no config at .*gone$/) }),
          expect.objectContaining({ message: '"nowhere/*" matches no folder that has a config' }),
          expect.objectContaining({ message: '"." is the workspace itself' }),
        ],
      }),
    );
  });
});

describe("a config with plugins", () => {
  it("has nothing else, in TypeScript and in TOML", async () => {
    const ts = project({ "fledge.config.ts": 'export default { plugins: ["./a"], name: "x", outDir: 1 };' });
    expect(await problemsOf(loadPlugins({ ...common, cwd: ts }), ts)).toEqual([
      expect.stringContaining("name: has no place beside plugins"),
      expect.stringContaining("outDir: has no place beside plugins"),
    ]);
    const toml = project({ "fledge.toml": 'plugins = ["./a"]\nname = "x"\n' });
    expect(await problemsOf(loadPlugins({ ...common, cwd: toml }), toml)).toEqual([
      expect.stringMatching(/fledge\.toml:2:1.*name: has no place beside plugins/),
    ]);
  });

  it("names them as texts", async () => {
    const cwd = project({ "fledge.config.ts": "export default { plugins: [1, {}] };" });
    expect(await problemsOf(loadPlugins({ ...common, cwd }), cwd)).toHaveLength(2);
  });

  it("may be a function, and its members know where they are", async () => {
    const cwd = project({
      "package.json": '{ "type": "module" }',
      "fledge.config.ts": "export default () => ({ plugins: ['./p/*'] });",
      "p/a/fledge.toml": TOML,
      "p/a/manifest.toml": '[env]\nA = "1"\n',
    });
    const [plugin] = await loadPlugins({ ...common, cwd });
    expect(plugin).toMatchObject({ name: "a", baseDir: join(cwd, "p/a"), outDir: join(cwd, "p/a") });
    expect(plugin?.manifest.env).toEqual({ A: "1" });
  });
});

describe("a project", () => {
  it("says what each member was read from, and what would be read if it were there", async () => {
    const cwd = project({
      "package.json": '{ "type": "module" }',
      "fledge.toml": 'plugins = ["p/*"]\n',
      "p/a/fledge.toml": `extends = "../../preset.ts"\n${TOML}`,
      "p/b/fledge.config.ts": "import '../../lib.ts'; export default { strategy: ",
      "preset.ts": "import './lib.ts'; export default { meta: { name: 'p' } };",
      "lib.ts": "",
    });
    const read: string[] = [];
    const { members } = await loadProject({ ...common, cwd, onRead: (file) => read.push(relative(cwd, file)) });
    const [a, b] = members.map((member) => member.reads.map((file) => relative(cwd, file)).sort());
    const env = [".env", ".env.local", ".env.production", ".env.production.local"];
    const envOf = (folder: string): string[] => env.map((file) => `${folder}/${file}`);
    expect(a).toEqual(["lib.ts", ...envOf("p/a"), "p/a/fledge.toml", "p/a/manifest.toml", "preset.ts"]);
    expect(b).toEqual([...envOf("p/b"), "p/b/fledge.config.ts", "p/b/manifest.toml"]);
    expect(members.map(({ error }) => error?.code)).toEqual([undefined, "config"]);
    expect(new Set(read)).toEqual(new Set([...(a ?? []), ...(b ?? []), ...env, "fledge.toml", "manifest.toml"]));
  });

  it("keeps to names and filter, and says what there is", async () => {
    const cwd = project({
      "fledge.toml": 'plugins = ["p/*"]\n',
      ...Object.fromEntries(["web", "web-2", "db"].map((name) => [`p/${name}/fledge.toml`, TOML])),
    });
    const names = async (options: object) =>
      (await loadPlugins({ ...common, cwd, ...options })).map(({ name }) => name);
    expect(await names({ names: ["web", "db"] })).toEqual(["web", "db"]);
    expect(await names({ filter: "web*" })).toEqual(["web", "web-2"]);
    expect(await names({ filter: "db,*-2" })).toEqual(["db", "web-2"]);
    await expect(names({ names: ["wbe"] })).rejects.toMatchObject({ code: "usage", hint: 'did you mean "web"?' });
    await expect(names({ filter: "x*" })).rejects.toMatchObject({ code: "usage", hint: "known: db, web, web-2" });
    // A name that is not there may be in the config that is broken.
    writeFileSync(join(cwd, "p/db/fledge.toml"), "=");
    expect(await names({ names: ["web"] })).toEqual(["web"]);
    await expect(names({ names: ["db"] })).rejects.toMatchObject({ code: "config" });
    await expect(names({ filter: "web*" })).rejects.toMatchObject({ code: "config" });
  });
});
