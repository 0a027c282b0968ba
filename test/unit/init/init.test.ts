import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_BUSYBOX } from "../../../src/guest/busybox/options.ts";
import { chooseBusybox } from "../../../src/init/busybox.ts";
import { defaultName, initProject } from "../../../src/init/init.ts";
import { instantiate } from "../../../src/init/instantiate.ts";
import { TEMPLATES } from "../../../src/init/templates.ts";
import { fledgeVersion } from "../../../src/lib/version.ts";
import { project } from "../../helpers/project.ts";
import { tempDir } from "../../helpers/temp.ts";
import { typeCheck } from "../../helpers/type-check.ts";

const VALUES = { name: "web", fledgeVersion: "1.2.3", busybox: "/bin/busybox" };

describe("the templates", () => {
  it("have a value for each placeholder, and the names that npm would not pack", async () => {
    for (const { folders } of Object.values(TEMPLATES)) {
      const files = await instantiate(folders, VALUES);
      const paths = files.map(({ path }) => path);
      expect(paths).toEqual(expect.arrayContaining([".gitignore", "README.md", "package.json"]));
      expect(paths.filter((path) => basename(path).startsWith("_"))).toEqual([]);
      expect(files.filter(({ data }) => /\{\{\w+\}\}/.test(String(data)))).toEqual([]);
    }
  });

  it("are configs that type-check", async () => {
    const configs = (await Promise.all(Object.values(TEMPLATES).map(({ folders }) => instantiate(folders, VALUES))))
      .flat()
      .filter(({ path }) => path === "fledge.config.ts");
    expect(configs.length).toBeGreaterThan(2);
    typeCheck(configs.map(({ data }) => String(data)));
  });

  it("say which program is to be run by its mode", async () => {
    const files = await instantiate(["initramfs"], VALUES);
    expect(files.filter(({ isExecutable }) => isExecutable).map(({ path }) => path)).toEqual(["init.sh"]);
  });

  it("cannot have a placeholder that nobody fills", async () => {
    await expect(instantiate(["initramfs"], { name: "web" })).rejects.toMatchObject({
      code: "internal",
      message: "a template has {{busybox}}, which has no value",
    });
  });
});

describe("initProject", () => {
  it("writes a project of the running version, called as its folder", async () => {
    const dir = join(tempDir(), "My Web");
    const result = await initProject({ dir, template: "oci" });
    expect(result).toMatchObject({ dir, name: "my-web", template: "oci", kept: [], warnings: [] });
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual([...result.written, "site"].sort());
    expect(JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))).toMatchObject({
      name: "my-web",
      type: "module",
      devDependencies: { "@volantvm/fledge": `^${fledgeVersion()}` },
    });
  });

  it("lists every file that is in the way, a config of another kind too, and writes nothing", async () => {
    const dir = project({ "fledge.toml": "", "init.sh": "mine", "README.md": "mine", "site/index.html": "mine" });
    const before = readdirSync(dir, { recursive: true }).sort();
    await expect(initProject({ dir, template: "initramfs" })).rejects.toMatchObject({
      code: "usage",
      hint: expect.stringContaining("fledge migrate"),
      problems: ["fledge.toml", "init.sh", "site/index.html"].map((name) => ({
        file: join(dir, name),
        message: "is there already",
      })),
    });
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(before);
  });

  it("leaves the files of a project as they are, and says what to add to them", async () => {
    const files = {
      "package.json": '{ "name": "shop" }',
      ".gitignore": "x\n",
      "README.md": "mine",
      "tsconfig.json": "{}",
    };
    const dir = project(files);
    const { written, kept } = await initProject({ dir, template: "oci", name: "web" });
    expect(written).toEqual(["fledge.config.ts", "site/index.html"]);
    for (const [name, text] of Object.entries(files)) expect(readFileSync(join(dir, name), "utf8")).toBe(text);
    expect(kept).toEqual([
      {
        path: "package.json",
        todo: `npm install --save-dev @types/node@^20.0.0 @volantvm/fledge@^${fledgeVersion()} "typescript@>=5.9.0 <7", and add "type": "module" for the editor's sake`,
      },
      { path: "tsconfig.json" },
      { path: ".gitignore", todo: "add what builds leave: *.cpio*, *.img, *.manifest.json" },
      { path: "README.md" },
    ]);
  });

  it("asks for nothing that a package.json has", async () => {
    const todo = async (json: string, template: "oci" | "toml") => {
      const { kept } = await initProject({ dir: project({ "package.json": json }), template, name: "web" });
      return kept[0]?.todo;
    };
    const all = { "@volantvm/fledge": "file:fledge.tgz", typescript: "*", "@types/node": "*" };
    expect(await todo(JSON.stringify({ type: "module", dependencies: all }), "oci")).toBeUndefined();
    expect(await todo(JSON.stringify({ type: "module", devDependencies: { typescript: "*" } }), "toml")).toBe(
      `npm install --save-dev @volantvm/fledge@^${fledgeVersion()}`,
    );
    expect(await todo("no JSON", "toml")).toMatch(/^npm install .*, and add "type"/);
  });

  it("calls a preset as its package, and keeps nothing of a package that is there", async () => {
    const nameOf = async (name: string) => (await initProject({ dir: tempDir(), template: "preset", name })).name;
    expect(await nameOf("hello")).toBe("fledge-preset-hello");
    expect(await nameOf("fledge-preset-hello")).toBe("fledge-preset-hello");
    expect(await nameOf("@team/hello")).toBe("@team/hello");
    await expect(nameOf("@team/")).rejects.toMatchObject({ message: '"@team/" is not a package name' });
    const dir = project({ "package.json": "{}" });
    await expect(initProject({ dir, template: "preset" })).rejects.toMatchObject({
      problems: [{ file: join(dir, "package.json"), message: "is there already" }],
    });
  });

  it("refuses names that no plugin can have, and templates that there are not", async () => {
    const dir = tempDir();
    await expect(initProject({ dir, template: "oci", name: "My App" })).rejects.toMatchObject({
      code: "usage",
      hint: 'use lower case letters, digits, ".", "_" and "-": my-app',
    });
    await expect(initProject({ dir, template: "oic" as never })).rejects.toMatchObject({
      code: "usage",
      message: 'there is no template "oic"',
      hint: 'did you mean "oci"?',
    });
    await expect(initProject({ dir, template: "toString" as never })).rejects.toMatchObject({ code: "usage" });
    expect(readdirSync(dir)).toEqual([]);
    const file = join(project({ taken: "" }), "taken");
    await expect(initProject({ dir: file, template: "oci" })).rejects.toMatchObject({
      message: `${file} is not a folder`,
    });
    expect(defaultName("/")).toBe("plugin");
  });
});

describe("chooseBusybox", () => {
  it("takes the usual one, or a static one on PATH", () => {
    const elf = Buffer.alloc(64);
    elf.write("\x7fELF\x02\x01\x01", "latin1");
    const folder = tempDir();
    writeFileSync(join(folder, "busybox"), elf, { mode: 0o755 });
    const path = join(folder, "busybox");
    expect(chooseBusybox({ PATH: folder }, "/absent")).toEqual({ busybox: path, warnings: [] });
    expect(chooseBusybox({ PATH: "" }, path)).toEqual({ busybox: path, warnings: [] });
  });

  it("falls back on the one that is downloaded, and says so", () => {
    const folder = tempDir();
    writeFileSync(join(folder, "busybox"), "#!/bin/sh\n", { mode: 0o755 });
    const { busybox, warnings } = chooseBusybox({ PATH: folder }, "/absent");
    expect(busybox).toBe(DEFAULT_BUSYBOX.url);
    expect(warnings).toMatchObject([{ hint: expect.stringContaining("sudo apt-get install -y busybox-static") }]);
  });
});
