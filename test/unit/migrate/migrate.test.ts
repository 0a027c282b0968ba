import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { migrateProject } from "../../../src/migrate/migrate.ts";
import { expectSameMigrated } from "../../helpers/migrated.ts";
import { project } from "../../helpers/project.ts";
import { tempDir } from "../../helpers/temp.ts";
import { typeCheck } from "../../helpers/type-check.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Everything that TOML can say of a plugin, with what makes it hard to carry over. */
const DEMANDING = `# The first line.

version = "1" # of the format
platform = "linux/amd64"
out_dir = "../out"

# Whose it is.
[plugin]
name = "x"
version = "1.2.3" # bump it

# About the image.
[oci_source]
image = "ghcr.io/team/app:1.0"

[filesystem]
# the usual one, but somebody said why
type = "ext4"
size_buffer_mb = 100
preallocate = false
overlay_size = "1G" # without effect

[agent]
source_strategy = "release"
version = "v0.6.5" # the one we tested

[registries."ghcr.io"]
insecure = true

[mappings]
"./a b" = "/opt/a b" # a space
"/etc/hosts" = { to = "/etc/hosts", mode = "0600", uid = 5 }

[manifest.labels]
"it's" = "a \\"label\\""
"constructor" = "odd"

[manifest.cloud_init.user_data]
content = """
#cloud-config
run: \`echo \${HOME}\`
"""
`;

describe("every TOML there is", { timeout: 900_000 }, () => {
  it("of the examples, the README, the templates and the tests becomes a config that is the same and type-checks", async () => {
    const texts = [];
    for (const folder of ["examples/hello-toml", "templates/toml"]) {
      const cwd = tempDir();
      cpSync(join(ROOT, folder), cwd, { recursive: true });
      const text = readFileSync(join(cwd, "manifest.toml"), "utf8").replaceAll("{{name}}", "x");
      texts.push(
        await expectSameMigrated(
          project({ "fledge.toml": readFileSync(join(cwd, "fledge.toml"), "utf8"), "manifest.toml": text }),
        ),
      );
    }
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const blocks = [...readme.matchAll(/^```toml\n(.*?)^```/gms)].map((match) => match[1] ?? "");
    expect(blocks.length).toBeGreaterThan(1);
    for (const block of [...blocks, DEMANDING]) texts.push(await expectSameMigrated(project({ "fledge.toml": block })));
    typeCheck(texts);
  });

  it("keeps what its presets give", async () => {
    const text = await expectSameMigrated(
      project({
        "package.json": '{ "type": "module" }',
        "base.ts": `export default { meta: { name: "base" }, strategy: "oci_rootfs", filesystem: { headroom: "1G" }, source: { dir: "." } };`,
        "fledge.toml": 'extends = "./base.ts"\n[filesystem]\ntype = "ext4"\n',
      }),
    );
    expect(text).toContain('strategy: "oci_rootfs"');
    expect(text).toContain('filesystem: { type: "ext4" }');
  });
});

describe("the text", () => {
  it("leaves out defaults and the format, and has the comments at their keys", async () => {
    const { text, dropped } = await migrateProject({ dir: project({ "fledge.toml": DEMANDING }), dryRun: true });
    expect(text).toBe(`import { definePlugin } from "@volantvm/fledge";

// The first line.
// Whose it is.
export default definePlugin({
  name: "x",
  // bump it
  version: "1.2.3",
  strategy: "oci_rootfs",
  platform: "linux/amd64",
  // About the image.
  source: { image: "ghcr.io/team/app:1.0" },
  agent: {
    // the one we tested
    release: "v0.6.5",
  },
  mappings: {
    // a space
    "./a b": "/opt/a b",
    "/etc/hosts": { to: "/etc/hosts", mode: "0600", uid: 5 },
  },
  filesystem: {
    // the usual one, but somebody said why
    type: "ext4",
    headroom: "100M",
  },
  outDir: "../out",
  manifest: {
    labels: { "it's": "a \\"label\\"", constructor: "odd" },
    cloudInit: {
      userData: {
        content: \`#cloud-config
run: \\\`echo \\\${HOME}\\\`
\`,
      },
    },
  },
  registries: { "ghcr.io": { insecure: true } },
});
`);
    expect(dropped.map(({ message }) => message)).toEqual([
      "filesystem.overlay_size has no effect on ext4",
      "a comment about what a config does not have: of the format",
      "a comment about what a config does not have: without effect",
    ]);
  });

  it("has no comments that say how to write TOML; they are told", async () => {
    const toml = `# Editors: begin this file with #:schema ./fledge.schema.json
strategy = "oci_rootfs"
# [filesystem] type = "xfs"
#   [agent]
# memory_mb = 128 was too little
[source]
image = "app" # ours [sic]
# size_buffer_mb = 100
[filesystem]
type = "ext4"
`;
    const { text, dropped } = await migrateProject({ dir: project({ "fledge.toml": toml }), dryRun: true });
    expect(text.match(/\/\/ .*/g)).toEqual(["// memory_mb = 128 was too little", "// ours [sic]"]);
    expect(dropped.map(({ message }) => message.replace(/^a comment about what a config does not have: /, ""))).toEqual(
      [
        "Editors: begin this file with #:schema ./fledge.schema.json",
        '[filesystem] type = "xfs"',
        "  [agent]",
        "size_buffer_mb = 100",
      ],
    );
  });

  it("says nothing of the agent and the BusyBox that an initramfs gets anyway", async () => {
    const [, initramfs = ""] = [
      ...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/^```toml\n(.*?)^```/gms),
    ].map((match) => match[1]);
    const dir = project({ "fledge.toml": `${initramfs}\n[plugin]\nname = "a"\n` });
    expect((await migrateProject({ dir, dryRun: true })).text).toBe(`import { definePlugin } from "@volantvm/fledge";

export default definePlugin({
  name: "a",
  strategy: "initramfs",
  mappings: { "./myapp": "/usr/bin/myapp" },
});
`);
  });
});

it("has no manifest where manifest.toml has a name only", async () => {
  const toml = 'strategy = "oci_rootfs"\nsource = { dir = "." }\n';
  const dir = project({ "fledge.toml": toml, "manifest.toml": 'name = "a"\nversion = "2"\n' });
  expect(await expectSameMigrated(dir)).toBe(`import { definePlugin } from "@volantvm/fledge";

export default definePlugin({
  name: "a",
  version: "2",
  strategy: "oci_rootfs",
  source: { dir: "." },
});
`);
});

describe("what is not touched", () => {
  it("a config that is there, a dangling link included", async () => {
    for (const name of ["fledge.config.ts", "fledge.config.mjs"]) {
      const dir = project({ "fledge.toml": DEMANDING });
      symlinkSync("nowhere", join(dir, name));
      await expect(migrateProject({ dir })).rejects.toMatchObject({
        code: "usage",
        message: `${dir} has a ${name} already; nothing was written`,
      });
      expect(readdirSync(dir).sort()).toEqual([name, "fledge.toml"]);
    }
  });

  it("anything at all with dryRun, and the TOML files without", async () => {
    const dir = project({ "fledge.toml": DEMANDING, "manifest.toml": 'runtime = "r"\n' });
    const dry = await migrateProject({ dir, dryRun: true });
    expect(readdirSync(dir).sort()).toEqual(["fledge.toml", "manifest.toml"]);
    const { file, replaces } = await migrateProject({ dir: join(dir, "fledge.toml") });
    expect(readFileSync(file, "utf8")).toBe(dry.text);
    expect(replaces).toEqual([join(dir, "fledge.toml"), join(dir, "manifest.toml")]);
    expect(readFileSync(join(dir, "fledge.toml"), "utf8")).toBe(DEMANDING);
  });

  it("a folder without a fledge.toml, or with one that does not load", async () => {
    const empty = tempDir();
    await expect(migrateProject({ dir: empty })).rejects.toMatchObject({
      code: "config",
      message: `there is no fledge.toml at ${empty}`,
      hint: expect.stringContaining("fledge init"),
    });
    const wrong = project({ "fledge.toml": 'stategy = "initramfs"\n' });
    await expect(migrateProject({ dir: wrong })).rejects.toMatchObject({ code: "config", problems: [{ line: 1 }] });
    expect(existsSync(join(wrong, "fledge.config.ts"))).toBe(false);
  });
});
