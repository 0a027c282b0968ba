import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { labelOf } from "../../../src/contract/plugin.ts";
import { loadPlugins, type PluginConfig, type PluginExport, plan } from "../../../src/index.ts";
import { project } from "../../helpers/project.ts";
import { tempDir } from "../../helpers/temp.ts";

const web: PluginConfig<"oci_rootfs"> = {
  name: "web",
  strategy: "oci_rootfs",
  source: { dir: "/" },
  manifest: { workload: { entrypoint: ["/bin/sh"] } },
};

/** Label, platform and outputs of each plugin, the latter relative to the folder. */
async function loaded(config: PluginExport | readonly PluginExport[], options: { platform?: string } = {}) {
  const cwd = tempDir();
  const plugins = await loadPlugins({ cwd, config, outDir: join(cwd, "out"), ...options });
  return plugins.map((plugin) => {
    const { artifact, manifest = "" } = plan(plugin).outputs;
    return [labelOf(plugin), plugin.platform.architecture, artifact, manifest].map((text) =>
      text.replace(`${cwd}/`, ""),
    );
  });
}

const BOTH = [
  ["web (linux/amd64)", "amd64", "out/linux-amd64/web-linux-amd64-rootfs.img", "out/linux-amd64/web.manifest.json"],
  ["web (linux/arm64)", "arm64", "out/linux-arm64/web-linux-arm64-rootfs.img", "out/linux-arm64/web.manifest.json"],
];

describe("a plugin for several platforms", () => {
  it("is built for each of the config's", async () => {
    expect(await loaded({ ...web, platforms: ["linux/amd64", "linux/arm64"] })).toEqual(BOTH);
  });

  it("is built for each that the command line asks for, over the config's, each once", async () => {
    const platform = "amd64,linux/arm64/v8,linux/aarch64";
    expect(await loaded({ ...web, platform: "linux/riscv64" }, { platform })).toEqual(BOTH);
  });

  it("keeps its place when one of them is asked for", async () => {
    const config = { ...web, platforms: ["linux/amd64", "linux/arm64"] };
    expect(await loaded(config, { platform: "arm64" })).toEqual([["web", ...(BOTH[1]?.slice(1) ?? [])]]);
  });

  it("has its files where they always were when it is built for one", async () => {
    expect(await loaded(web, { platform: "arm64" })).toEqual([
      ["web", "arm64", "out/web-rootfs.img", "out/web.manifest.json"],
    ]);
  });

  it("hears each platform as a function", async () => {
    const heard: string[] = [];
    const config: PluginExport = ({ platform }) => {
      heard.push(platform);
      return { ...web, version: platform === "linux/arm64" ? "2.0.0" : "1.0.0", platforms: ["amd64", "aarch64"] };
    };
    const plugins = await loadPlugins({ cwd: tempDir(), config });
    expect(plugins.map(({ version }) => version)).toEqual(["1.0.0", "2.0.0"]);
    expect(new Set(heard)).toEqual(new Set(["linux/amd64", "linux/arm64"]));
  });

  it("may be two entries of an array, with folders of their own", async () => {
    const cwd = tempDir();
    const config = ["amd64", "arm64"].map((platform) => ({ ...web, platform, outDir: join(cwd, platform) }));
    expect((await loadPlugins({ cwd, config })).map(labelOf)).toEqual(["web (linux/amd64)", "web (linux/arm64)"]);
    await expect(loadPlugins({ cwd, config: [web, web] })).rejects.toThrow('two plugins called "web"');
  });

  it("may be written in TOML, and is found by its name", async () => {
    const cwd = project({
      "fledge.toml": `version = "1"\nname = "web"\nstrategy = "oci_rootfs"\nplatforms = ["linux/amd64", "linux/arm64"]
[source]\ndir = "/"\n`,
    });
    expect((await loadPlugins({ cwd, names: ["web"] })).map(labelOf)).toEqual(BOTH.map(([label]) => label));
  });
});

test.each([
  ["arm64", "linux/arm64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/arm/v7", "linux/arm/v7"],
])("--platform %s is %s to a config that is a function", async (platform, expected) => {
  const heard: string[] = [];
  const config: PluginExport = (env) => {
    heard.push(env.platform);
    return web;
  };
  await loadPlugins({ cwd: tempDir(), config, platform });
  expect(heard).toEqual([expected]);
});

test.each(["linux/", "a,,b", "LINUX AMD64"])("--platform %s is refused", async (platform) => {
  await expect(loadPlugins({ cwd: tempDir(), config: web, platform })).rejects.toMatchObject({ code: "usage" });
});

test("platform and platforms exclude each other", async () => {
  const config = { ...web, platform: "amd64", platforms: ["arm64"] };
  await expect(loadPlugins({ cwd: tempDir(), config })).rejects.toMatchObject({
    problems: [expect.objectContaining({ message: "platform and platforms exclude each other" })],
  });
});
