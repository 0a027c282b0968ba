import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loadPlugins } from "../../../src/config/project.ts";
import { mmdebstrapArgs } from "../../../src/presets/debian/index.ts";
import { describePreset, type OptionRow } from "../../../src/presets/describe.ts";
import { PRESETS, type PresetName } from "../../../src/presets/index.ts";
import { project } from "../../helpers/project.ts";
import { describeWith, requireTools } from "../../helpers/requirements.ts";
import { problemsOf } from "../config/expect-problems.ts";

const FOLDER = fileURLToPath(new URL("../../../src/presets", import.meta.url));
const names = Object.keys(PRESETS) as PresetName[];
const common = { env: {}, platform: "linux/amd64" };

it("are the folders that there are, each called as its folder", async () => {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(names).toEqual(folders.map(({ name }) => name).sort());
  for (const name of names) expect((await PRESETS[name]()).default.preset).toMatchObject({ name });
});

it.each(names)("%s says what each of its options is, in its README too", async (name) => {
  const { options, readme } = await describePreset(name);
  expect(options.filter(({ description, type }) => description === "" || type === "any")).toEqual([]);
  // UPDATE_README=1 renews the table.
  const text = readFileSync(readme, "utf8");
  const [begin, end] = ["<!-- options -->\n", "<!-- /options -->"];
  const [start, stop] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (process.env.UPDATE_README) writeFileSync(readme, `${text.slice(0, start)}${table(options)}${text.slice(stop)}`);
  else expect(text.slice(start, stop)).toBe(table(options));
});

it.each(names)("%s has an example that loads in a project without fledge, by name too", async (name) => {
  const { example, module } = await describePreset(name);
  const cwd = project({
    "fledge.config.ts": example,
    "named/fledge.config.ts": example
      .replace(/^import .* from "fledge\/presets.*$/m, "")
      .replace(/extends: \[\w+\((.*)\)\]/, (_, options) => `extends: [["${module}", ${options}]]`),
  });
  const [inline] = await loadPlugins({ ...common, cwd });
  const [named] = await loadPlugins({ ...common, cwd: join(cwd, "named") });
  expect(inline?.hooks.length).toBe(named?.hooks.length);
  expect(named?.manifest).toEqual(inline?.manifest);
  expect(existsSync(join(cwd, "node_modules"))).toBe(false);
});

it.each(names.filter((name) => name !== "debian"))("%s has a boot test, which a config replaces", async (name) => {
  const { example } = await describePreset(name);
  const cwd = project({ "fledge.config.ts": example });
  const [plugin] = await loadPlugins({ ...common, cwd });
  expect(plugin?.test?.boot).toHaveLength(1);
  const own = project({
    "fledge.config.ts": example.replace(/^(export default definePlugin\(\{)/m, "$1 test: { boot: [] },"),
  });
  const [replaced] = await loadPlugins({ ...common, cwd: own });
  expect(replaced?.test?.boot).toEqual([]);
});

it("are not taken for packages when they are misspelt", async () => {
  const cwd = project({
    "fledge.config.ts": 'export default { strategy: "oci_rootfs", extends: "@volantvm/fledge/presets/ngnix" };',
  });
  expect(await problemsOf(loadPlugins({ ...common, cwd }), cwd)).toEqual([
    'fledge.config.ts: cannot find "@volantvm/fledge/presets/ngnix", which it extends (did you mean "nginx"?)',
  ]);
});

it("nginx and caddy want one of site and proxy", async () => {
  const cwd = project({
    "fledge.config.ts": 'export default { strategy: "oci_rootfs", extends: "@volantvm/fledge/presets/nginx" };',
  });
  expect(await problemsOf(loadPlugins({ ...common, cwd }), cwd)).toEqual([
    'fledge.config.ts: preset "nginx": needs either site or proxy',
  ]);
});

it("nginx refuses headers that its configuration cannot hold", async () => {
  const options = JSON.stringify({ site: ".", headers: { "X-Price": "$5" } });
  const cwd = project({
    "fledge.config.ts": `export default { strategy: "oci_rootfs", extends: [["@volantvm/fledge/presets/nginx", ${options}]] };`,
  });
  expect(await problemsOf(loadPlugins({ ...common, cwd }), cwd)).toEqual([
    'fledge.config.ts: preset "nginx": headers.X-Price: must not hold $ or line ends',
  ]);
});

it("debian asks mmdebstrap for a tar on stdout", () => {
  const chosen = { packages: ["a", "b"], suite: "bookworm", variant: "minbase" as const };
  expect(mmdebstrapArgs(chosen, "linux/amd64")).toEqual([
    ...["--quiet", "--variant=minbase", "--architectures=amd64", "--include=a,b"],
    ...["bookworm", "-"],
  ]);
  expect(mmdebstrapArgs({ ...chosen, packages: [], mirror: "http://m" }, "linux/arm/v7")).toEqual([
    ...["--quiet", "--variant=minbase", "--architectures=armhf"],
    ...["bookworm", "-", "http://m"],
  ]);
});

describeWith("the scripts of presets", [requireTools("shellcheck")], () => {
  it("pass shellcheck", () => {
    const scripts = names.flatMap((name) =>
      readdirSync(join(FOLDER, name))
        .filter((file) => file.endsWith(".sh"))
        .map((file) => join(FOLDER, name, file)),
    );
    expect(spawnSync("shellcheck", scripts, { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
  });
});

function table(options: readonly OptionRow[]): string {
  const rows = options.map(({ name, type, isRequired, default: preset, description }) => {
    const value = isRequired ? "required" : preset === undefined ? "" : `\`${JSON.stringify(preset)}\``;
    return `| \`${name}\` | ${type.replaceAll("|", "\\|")} | ${value} | ${description} |\n`;
  });
  return `| option | type | default | meaning |\n|---|---|---|---|\n${rows.join("")}`;
}
