import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadPlugins } from "../../../src/config/project.ts";
import { expectSameMigrated } from "../../helpers/migrated.ts";
import { project } from "../../helpers/project.ts";
import { typeCheck } from "../../helpers/type-check.ts";
import { problemsOf } from "./expect-problems.ts";

const env = {};

/** Whatever loads is migrated too, and what comes of it is checked by the compiler at the end. */
const migrated: string[] = [];
afterAll(() => {
  expect(migrated.length).toBeGreaterThan(8);
  typeCheck(migrated);
});

async function loadToml(text: string, manifest?: string) {
  const cwd = project({ "fledge.toml": text, ...(manifest === undefined ? {} : { "manifest.toml": manifest }) });
  const [plugin] = await loadPlugins({ cwd, env, platform: "linux/amd64" });
  if (plugin === undefined) throw new Error("nothing was loaded");
  migrated.push(await expectSameMigrated(cwd));
  return { plugin, cwd };
}

async function problems(text: string, manifest?: string): Promise<string[]> {
  const cwd = project({ "fledge.toml": text, ...(manifest === undefined ? {} : { "manifest.toml": manifest }) });
  return problemsOf(loadPlugins({ cwd, env, platform: "linux/amd64" }), cwd);
}

describe("the examples of the original", { timeout: 120_000 }, () => {
  it("reads the nested dialect", async () => {
    const { plugin, cwd } = await loadToml(`[plugin]
name = "nginx"
strategy = "oci_rootfs"

[oci_source]
image = "nginx:alpine"
`);
    expect(plugin).toMatchObject({
      name: "nginx",
      version: "0.1.0",
      strategy: "oci_rootfs",
      source: { image: "nginx:alpine" },
      filesystem: { type: "ext4" },
      outDir: cwd,
      configFile: join(cwd, "fledge.toml"),
    });
    expect(plugin.agent).toBeUndefined();
  });

  it("reads the flat dialect", async () => {
    const { plugin, cwd } = await loadToml(`version = "1"
strategy = "initramfs"

[agent]
source_strategy = "release"
version = "latest"

[source]
busybox_url = "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox"
busybox_sha256 = "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348"

[mappings]
"./myapp" = "/usr/bin/myapp"
`);
    expect(plugin).toMatchObject({
      strategy: "initramfs",
      version: "0.1.0",
      agent: { release: "latest" },
      busybox: {
        url: "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox",
        sha256: "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348",
      },
      init: { mode: "default", run: "/bin/kestrel" },
      mappings: [{ from: join(cwd, "myapp"), to: "/usr/bin/myapp", key: 'mappings["./myapp"]' }],
      archive: { compression: "gzip" },
    });
    expect(plugin.source).toBeUndefined();
  });
});

describe("what else the dialects can say", { timeout: 120_000 }, () => {
  it("concludes the strategy from [oci_source] and says so", async () => {
    const { plugin } = await loadToml('[oci_source]\nimage = "ghcr.io/team/My_App:1.2@sha256:00"\n');
    expect(plugin).toMatchObject({ strategy: "oci_rootfs", name: "my_app" });
    expect(plugin.notes).toContainEqual({ key: "strategy", value: "oci_rootfs", from: "[oci_source]" });
  });

  it("reads each agent of the flat dialect, and those of the TypeScript shape", async () => {
    const agentOf = async (agent: string) =>
      (await loadToml(`version = "1"\nstrategy = "initramfs"\nname = "a"\n${agent}`)).plugin.agent;
    expect(await agentOf('[agent]\nsource_strategy = "http"\nurl = "https://example.org/k"\nchecksum = "ab"')).toEqual({
      url: "https://example.org/k",
      checksum: "ab",
    });
    expect(await agentOf('[agent]\nsource_strategy = "release"')).toEqual({ release: "latest" });
    expect(await agentOf('[agent]\nrelease = "v1"\napi_url = "http://127.0.0.1:1"')).toEqual({
      release: "v1",
      apiUrl: "http://127.0.0.1:1",
    });
    expect(await agentOf('[agent]\nsource_strategy = "local"\npath = "/opt/kestrel"')).toEqual({
      path: "/opt/kestrel",
    });
  });

  it("translates the filesystem of the original and warns of what has no effect", async () => {
    const { plugin } = await loadToml(`version = "1"
strategy = "oci_rootfs"
[source]
dockerfile = "Dockerfile"
build_args = { some_ARG = "1" }
[filesystem]
type = "ext4"
size_buffer_mb = 64
preallocate = true
compression_level = 15
`);
    expect(plugin).toMatchObject({ filesystem: { type: "ext4", headroomBytes: 64 * 2 ** 20, preallocate: true } });
    expect(plugin.source).toMatchObject({ buildArgs: { some_ARG: "1" } });
    expect(plugin.warnings).toEqual([{ message: "filesystem.compression_level has no effect on ext4" }]);
  });

  it("reads everything of the TypeScript shape in snake_case", async () => {
    const { plugin, cwd } = await loadToml(`name = "x"
strategy = "initramfs"
platform = "linux/amd64"
out_dir = "out"
agent = false
[init]
path = "./init.sh"
[busybox]
path = "bb"
[archive]
compression = "zstd"
level = 3
[guest]
kernel = "custom"
[manifest]
runtime = "r"
[manifest.resources]
cpu_cores = 2
[manifest.labels]
myLabel = "kept"
[mappings]
"app" = { to = "/app", mode = "0755", uid = 5 }
`);
    expect(plugin).toMatchObject({
      runtime: "r",
      outDir: join(cwd, "out"),
      init: { mode: "custom", run: "/sbin/init.sh", from: join(cwd, "init.sh") },
      busybox: { path: join(cwd, "bb") },
      archive: { compression: "zstd", level: 3 },
      guest: { kernel: "custom" },
      manifest: { resources: { cpuCores: 2 }, labels: { myLabel: "kept" } },
      mappings: [{ from: join(cwd, "app"), to: "/app", mode: 0o755, uid: 5, key: "mappings.app" }],
    });
  });

  it("takes name, version and the manifest from manifest.toml, below the config", async () => {
    const { plugin } = await loadToml(
      'strategy = "initramfs"\n[manifest.resources]\nmemory_mb = 64\n',
      `schema_version = "v1"
name = "caddy"
version = "2.0.0"
runtime = "caddy"
entrypoint = "/usr/bin/caddy"
args = ["run"]
[resources]
cpu_cores = 4
memory_mb = 512
[workload]
base_url = "http://127.0.0.1:80"
[env]
HOME_DIR = "/"
[network]
mode = "dhcp"
[[network.expose]]
port = 80
host_port = 8080
[cloud_init.user_data]
inline = true
content = "x"
[actions."do it"]
method = "POST"
path = "/x"
timeout_ms = 5
`,
    );
    expect(plugin).toMatchObject({ name: "caddy", version: "2.0.0", runtime: "caddy" });
    expect(plugin.manifest).toMatchObject({
      schemaVersion: "v1",
      entrypoint: "/usr/bin/caddy",
      args: ["run"],
      resources: { cpuCores: 4, memoryMb: 64 },
      workload: { baseUrl: "http://127.0.0.1:80" },
      env: { HOME_DIR: "/" },
      network: { mode: "dhcp", expose: [{ port: 80, hostPort: 8080 }] },
      cloudInit: { userData: { inline: true, content: "x" } },
      actions: { "do it": { method: "POST", path: "/x", timeoutMs: 5 } },
    });
  });
});

describe("what is wrong, and where", () => {
  it("reports all at once with line and column", async () => {
    expect(
      await problems(`version = "2"
stategy = "initramfs"

[agent]
source_strategy = "relase"

[init]
path = "./init"
none = true

[mappings]
"./a" = "usr/bin/a"
"./b" = "/usr/../b"
"./c" = { too = "/c" }

[archive]
compression = "brotli"
level = "9"
`),
    ).toEqual([
      `fledge.toml:1:11: version: expected "1" or 1, got "2" (this is the version of the file format; the plugin's own goes under [plugin])`,
      'fledge.toml:2:1: stategy: unknown key (did you mean "strategy"?)',
      'fledge.toml:5:19: agent.source_strategy: expected "release" or "local" or "http", got "relase" (did you mean "release"?)',
      'fledge.toml:7:2: init: "path" and "none" exclude each other: "path" runs your own init after the mounts, "none" means that a mapping provides /init (keep one of them)',
      'fledge.toml:12:9: mappings["./a"]: the destination "usr/bin/a" is not absolute; did you mean "/usr/bin/a"?',
      'fledge.toml:13:9: mappings["./b"]: the destination "/usr/../b" climbs with ".."; write the path it leads to',
      'fledge.toml:14:1: mappings["./c"].to: is missing (expected a string)',
      'fledge.toml:14:11: mappings["./c"].too: unknown key (did you mean "to"?)',
      'fledge.toml:17:15: archive.compression: expected "gzip" or "zstd" or "xz" or "lz4" or "none", got "brotli"',
      'fledge.toml:18:9: archive.level: expected a whole number, got "9"',
    ]);
  });

  it("suggests snake_case for a camelCase key", async () => {
    expect(await problems('strategy = "initramfs"\noutDir = "x"\n[manifest.resources]\ncpuCores = 1\n')).toEqual([
      'fledge.toml:2:1: outDir: unknown key (did you mean "out_dir"?)',
      'fledge.toml:4:1: manifest.resources.cpuCores: unknown key (did you mean "cpu_cores"?)',
    ]);
  });

  it("says which source was meant", async () => {
    expect(await problems('[source]\ndockerfile = "Dockerfile"\ncontex = "."\n')).toEqual([
      'fledge.toml:3:1: source.contex: unknown key (did you mean "context"?)',
    ]);
    expect(await problems('[source]\nimage = "a"\ndockerfile = "Dockerfile"\n')).toEqual([
      'fledge.toml:1:2: source: "image" and "dockerfile" exclude each other (keep one of them)',
    ]);
    expect(await problems("[source]\n")).toEqual([
      'fledge.toml:1:2: source: needs one of "image", "dockerfile", "layout", "archive", "tar", "dir", "busybox_url"',
    ]);
  });

  it("finds what is said twice", async () => {
    expect(
      await problems(`name = "a"
[plugin]
name = "b"
strategy = "oci_rootfs"
[source]
image = "a"
busybox_sha256 = "ab"
[oci_source]
image = "a"
[filesystem]
headroom = "1M"
size_buffer_mb = 1
`),
    ).toEqual([
      'fledge.toml:3:1: plugin.name: "name" is given here and at the top of the file (keep one of them)',
      "fledge.toml:7:1: source.busybox_sha256: needs busybox_url beside it",
      "fledge.toml:8:2: oci_source: [oci_source] and [source] say the same thing (keep one of them)",
      'fledge.toml:12:1: filesystem.size_buffer_mb: "size_buffer_mb" and "headroom" say the same thing (keep one of them)',
    ]);
  });

  it("points at a syntax error", async () => {
    expect(await problems('name = "a"\nversion == "1"\n')).toEqual([
      expect.stringMatching(/^fledge\.toml:2:10: not valid TOML: \w+/),
    ]);
  });

  it("points at what only the parser of places takes for an error", async () => {
    expect(await problems('version = "1"\nname = 1979-05-:7\n')).toEqual([
      "fledge.toml:2:16: not valid TOML: Unexpected character",
    ]);
  });

  it("checks manifest.toml in the same way", async () => {
    expect(
      await problems(
        'strategy = "initramfs"\n',
        '[resources]\ncpu_core = 1\nmemory_mb = 0\n[network]\nmode = "bridge"\n',
      ),
    ).toEqual([
      'manifest.toml:2:1: resources.cpu_core: unknown key (did you mean "cpu_cores"?)',
      "manifest.toml:3:13: resources.memory_mb: must be more than 0, got 0",
      'manifest.toml:5:8: network.mode: expected "vsock" or "bridged" or "dhcp", got "bridge" (did you mean "bridged"?)',
    ]);
  });
});
