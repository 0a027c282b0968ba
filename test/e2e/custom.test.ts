import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  artifactFacts,
  type BuildEvent,
  build,
  type CustomImager,
  diagnosePlan,
  imageConfig,
  layerFromTar,
  loadPlugins,
  type PluginConfig,
  plan,
  runProgram,
  writeHashed,
  writeTar,
} from "../../src/index.ts";
import { fledge } from "../helpers/cli.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const machine = { env: process.env, signal: new AbortController().signal };

/** A root with one program, as a source of its own. */
function packed(): NonNullable<PluginConfig["source"]> {
  const root = tempDir();
  mkdirSync(join(root, "bin"));
  execFileSync("cp", ["/bin/busybox", join(root, "bin/app")]);
  return {
    custom: {
      name: "packed",
      requirements: () => [{ kind: "tool", anyOf: [{ name: "tar", reason: "pack the root", package: "tar" }] }],
      pin: async () => ({ reference: "a folder, packed" }),
      async *layers(_, ctx) {
        ctx.fact("packer", "tar");
        yield await layerFromTar(
          runProgram("tar", ["--owner=0", "--group=0", "-c", "bin"], { ...ctx, cwd: root }),
          ctx,
        );
      },
      image: async () => imageConfig({ architecture: "amd64", config: { Cmd: ["/bin/app"] } }),
    },
  };
}

const tarGz: CustomImager = {
  name: "tar.gz",
  suffix: "-rootfs.tar.gz",
  isBootable: false,
  write: (tree, out, ctx) => writeHashed(out, runProgram("gzip", ["-9n"], { ...ctx, input: writeTar(tree, ctx) }), ctx),
};

async function planned(config: Parameters<typeof loadPlugins>[0] & object) {
  const cwd = tempDir();
  const [plugin] = await loadPlugins({ cwd, ...config });
  if (plugin === undefined) throw new Error("no plugin");
  return plugin;
}

describeWith("parts of the user's own", [requireTools("tar", "gzip", "busybox")], () => {
  const manifest = { workload: { baseUrl: "http://127.0.0.1:80" } };

  it("a source is part of the plan by its name, of the diagnosis, and of either strategy", async () => {
    const recipes: Parameters<typeof loadPlugins>[0][] = [
      { config: { name: "web", strategy: "oci_rootfs", source: packed(), manifest } },
      {
        config: {
          name: "web",
          strategy: "initramfs",
          source: packed(),
          init: { none: true },
          hooks: { "rootfs:ready": ({ rootfs }) => rootfs.symlink("/bin/app", "/init") },
          manifest,
        },
      },
    ];
    for (const recipe of recipes) {
      const plugin = await planned(recipe ?? {});
      const { inputs, stages, requirements } = plan(plugin);
      expect(inputs).toContainEqual({ what: "source", from: "packed" });
      expect(stages.find(({ name }) => name === "pin")?.title).toContain("packed");
      const { findings } = await diagnosePlan({ ...plan(plugin), requirements }, machine);
      expect(findings.map(({ reason }) => reason)).toContain('pack the root (the source "packed")');
      const { artifact, facts, manifest: written } = await build(plugin, { verify: true, cacheDir: tempDir() });
      expect(facts).toEqual({ packer: "tar" });
      expect(written?.document).toMatchObject({ image: "a folder, packed" });
      expect(readFileSync(artifact.path).length).toBe(artifact.sizeBytes);
    }
  });

  it("an imager writes what a real tar reads, and --verify says that it cannot verify", async () => {
    const plugin = await planned({
      config: { name: "web", strategy: "oci_rootfs", source: packed(), filesystem: { type: "custom", imager: tarGz } },
    });
    const first = await build(plugin, { verify: true, cacheDir: tempDir() });
    expect(first.manifest).toBeUndefined();
    expect(first.artifact.path.endsWith("/web-rootfs.tar.gz")).toBe(true);
    expect(first.warnings.map(({ message }) => message)).toEqual([
      'the imager "tar.gz" has no verify: the artifact was not compared with the tree',
    ]);
    const names = execFileSync("tar", ["-tzf", first.artifact.path], { encoding: "utf8" }).split("\n");
    expect(names).toContain("bin/app");
    const digest = `sha256:${execFileSync("sha256sum", [first.artifact.path], { encoding: "utf8" }).slice(0, 64)}`;
    expect(first.artifact.digest).toBe(digest);
    expect((await build(plugin, { cacheDir: tempDir() })).artifact.digest).toBe(digest);
  });

  it("a bootable imager gets a manifest, a warning of what the stock kernel lacks, and its verify is asked", async () => {
    const imager: CustomImager = {
      name: "raw",
      suffix: "-rootfs.raw",
      isBootable: true,
      kernelName: "erofs",
      write: async (_, out, ctx) => {
        writeFileSync(out, "image");
        return await artifactFacts(out, ctx);
      },
      verify: async (_, image) => {
        throw new Error(`${readFileSync(image, "utf8")} is wrong`);
      },
    };
    const source = packed();
    const plugin = await planned({
      config: { name: "web", strategy: "oci_rootfs", source, filesystem: { type: "custom", imager }, manifest },
    });
    const { manifest: written, warnings } = await build(plugin, { cacheDir: tempDir() });
    expect(written?.document.rootfs).toMatchObject({ url: "web-rootfs.raw" });
    expect(warnings[0]?.message).toContain("Volant's stock kernel has no erofs");
    await expect(build(plugin, { verify: true, cacheDir: tempDir() })).rejects.toMatchObject({
      code: "verify",
      message: 'the imager "raw" failed: image is wrong',
    });
  });

  it.each<[string, CustomImager["write"], string]>([
    ["throws", () => Promise.reject(new Error("no")), 'the imager "bad" failed: no'],
    [
      "writes nothing",
      async () => ({ sizeBytes: 1, digest: `sha256:${"0".repeat(64)}` }),
      'the imager "bad" failed: write() left no file at the path that it was given',
    ],
    [
      "returns nothing",
      async (_, out) => {
        writeFileSync(out, "x");
        return undefined as never;
      },
      'the imager "bad" failed: write() did not return the size and digest of what it wrote',
    ],
  ])("an imager that %s fails the build by name, and leaves nothing", async (_, write, message) => {
    const imager: CustomImager = { name: "bad", suffix: ".bad", isBootable: false, write };
    const plugin = await planned({
      config: { name: "web", strategy: "oci_rootfs", source: packed(), filesystem: { type: "custom", imager } },
    });
    const events: BuildEvent[] = [];
    const options = { cacheDir: tempDir(), onEvent: (event: BuildEvent) => void events.push(event) };
    await expect(build(plugin, options)).rejects.toMatchObject({ code: "image", message });
    expect(events.slice(-2)).toMatchObject([{ type: "stage:failed", stage: "write" }, { type: "build:failed" }]);
    expect(readdirSync(plugin.outDir)).toEqual([]);
  });

  it("facts are in the command's summary, and in its events", async () => {
    const cwd = tempDir();
    const config = {
      name: "web",
      strategy: "initramfs",
      init: { none: true },
      mappings: { "/bin/busybox": "/init" },
      manifest,
    };
    const hooks = `{ "rootfs:ready": ({ fact }) => { fact("commit", "abc 1"); fact("sizes", [1, 2]); fact("line", "a\\nb"); } }`;
    writeFileSync(join(cwd, "fledge.config.mjs"), `export default { ...${JSON.stringify(config)}, hooks: ${hooks} };`);
    const plain = await fledge(["build"], { cwd });
    expect(plain.stderr).not.toContain("error");
    expect(plain.stdout).toContain('\n  commit  abc 1\n  sizes  [1,2]\n  line  "a\\nb"\n');
    const json = await fledge(["build", "--json"], { cwd });
    const events = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as BuildEvent);
    expect(events).toContainEqual({ type: "fact", plugin: "web", name: "commit", value: "abc 1" });
    expect(events.at(-1)).toMatchObject({ result: { facts: { commit: "abc 1", sizes: [1, 2] } } });
  });
});
