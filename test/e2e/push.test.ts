import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, fledge } from "../helpers/cli.ts";
import { startCuttingProxy } from "../helpers/cutting-proxy.ts";
import { smallElf } from "../helpers/elf.ts";
import { project } from "../helpers/project.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const MANIFEST = { workload: { entrypoint: ["/bin/app"], baseUrl: "http://127.0.0.1:80" } };

function configOf(config: object): string {
  return `export default ${JSON.stringify(config)};`;
}

/** A disk of several chunks, most of it zeros, and an archive. */
function plugins(): string {
  const cwd = project({
    "fledge.config.mjs": configOf([
      { name: "disk", version: "1.2.3", strategy: "oci_rootfs", source: { dir: "./root" }, manifest: MANIFEST },
      {
        name: "small",
        strategy: "initramfs",
        busybox: { path: "/bin/busybox" },
        init: { path: "./root/bin/app" },
        manifest: MANIFEST,
        mappings: { "./root": "/" },
      },
    ]),
  });
  mkdirSync(join(cwd, "root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(cwd, "root/bin/app"));
  writeFileSync(join(cwd, "root/noise"), Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251)));
  return cwd;
}

function last({ stdout }: CliResult) {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

function blocksOf(path: string): number {
  return statSync(path).blocks * 512;
}

describeWith("a pushed plugin", [needsRegistry(), requireTools("skopeo", "busybox")], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  test.each(["disk", "small"])("comes back to the byte, with its holes: %s", async (name) => {
    const cwd = plugins();
    const to = `${registry.host}/team/${name}:1`;
    const pushed = await fledge(["push", name, to, "--json"], { cwd });
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(last(pushed)).toMatchObject({
      type: "push:done",
      reference: to,
      platforms: [expect.stringMatching(/^linux\//)],
    });
    const outDir = join(tempDir(), "new");
    const pulled = await fledge(["pull", `${registry.host}/team/${name}@${last(pushed).digest}`, "-o", outDir], {
      cwd,
    });
    expect(pulled.code, pulled.stderr).toBe(0);
    expect(pulled.stdout).toContain(`volar plugins install --manifest "${outDir}/${name}.manifest.json"`);
    const files = readdirSync(outDir).sort();
    expect(files).toEqual(
      readdirSync(cwd)
        .filter((file) => file.startsWith(name))
        .sort(),
    );
    for (const file of files) {
      expect(readFileSync(join(outDir, file)).equals(readFileSync(join(cwd, file))), file).toBe(true);
      expect(blocksOf(join(outDir, file))).toBeLessThanOrEqual(blocksOf(join(cwd, file)) + 65_536);
    }
    const checked = await fledge(["check", join(outDir, `${name}.manifest.json`)]);
    expect(checked.code, checked.stderr).toBe(0);
  });

  test("is sent once, and has the same digest whenever it is pushed", async () => {
    const cwd = plugins();
    const to = `${registry.host}/again/disk`;
    const [first, second] = [
      last(await fledge(["push", "disk", to, "--json"], { cwd })),
      last(await fledge(["push", "disk", to, "--json"], { cwd })),
    ];
    expect(second.digest).toBe(first.digest);
    expect(first.sentBytes).toBeGreaterThan(100_000);
    expect(second.sentBytes).toBe(0);
  });

  test("of several platforms is one name, from which each takes its own", async () => {
    const workload = { ...MANIFEST.workload, entrypoint: ["/bin/app"] };
    const recipe = { name: "both", strategy: "oci_rootfs", manifest: { workload } };
    const cwd = project({
      "fledge.config.mjs": `export default ({ platform }) => ({
        ...${JSON.stringify(recipe)}, source: { dir: "./" + platform }, platforms: ["linux/amd64", "linux/arm64"],
      });`,
    });
    for (const architecture of ["amd64", "arm64"]) {
      mkdirSync(join(cwd, "linux", architecture, "bin"), { recursive: true });
      const program = smallElf();
      if (architecture === "arm64") program.writeUInt16LE(183, 18);
      writeFileSync(join(cwd, "linux", architecture, "bin/app"), program, { mode: 0o755 });
    }
    const to = `${registry.host}/team/both:2`;
    const pushed = await fledge(["push", to, "--json"], { cwd });
    expect(pushed.code, pushed.stdout).toBe(0);
    expect(last(pushed).platforms).toEqual(["linux/amd64", "linux/arm64"]);
    const outDir = tempDir();
    const pulled = await fledge(["pull", to, "-o", outDir, "--platform", "linux/arm64"]);
    expect(pulled.code, pulled.stderr).toBe(0);
    expect(readdirSync(outDir).sort()).toEqual(["both-linux-arm64-rootfs.img", "both.manifest.json"]);
    const other = await fledge(["pull", to, "-o", outDir, "--platform", "linux/riscv64"]);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/has nothing for linux\/riscv64\n {2}hint it has linux\/amd64, linux\/arm64/);
  });

  test("is copied by skopeo, and what other clients fetch is a gzip of the disk", async () => {
    const cwd = plugins();
    const to = `${registry.host}/team/copied:1`;
    expect((await fledge(["push", "disk", to], { cwd })).code).toBe(0);
    const layout = join(tempDir(), "layout");
    execFileSync("skopeo", ["copy", "--quiet", "--src-tls-verify=false", `docker://${to}`, `oci:${layout}:1`]);
    const blob = (digest: string) => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const { layers } = JSON.parse(blob(index.manifests[0].digest).toString());
    const chunks = layers.slice(0, -1).map(({ digest }: { digest: string }) => blob(digest));
    expect(chunks.length).toBeGreaterThan(1);
    const disk = execFileSync("gzip", ["-dc"], { input: Buffer.concat(chunks), maxBuffer: 2 ** 30 });
    expect(disk.equals(readFileSync(join(cwd, "disk-rootfs.img")))).toBe(true);
  });

  test("goes to a registry that asks for a login, and nowhere without one", async () => {
    const login = { username: "ada", password: "s3cret" };
    const closed = await startRegistry({ login });
    try {
      const cwd = plugins();
      const to = `${closed.host}/team/small`;
      const refused = await fledge(["push", "small", to], { cwd });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/refuses access to team\/small/);
      const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
      const home = tempDir();
      writeFileSync(join(home, "auth.json"), JSON.stringify({ auths: { [closed.host]: { auth } } }));
      const env = { REGISTRY_AUTH_FILE: join(home, "auth.json") };
      expect((await fledge(["push", "small", to], { cwd, env })).code).toBe(0);
      expect((await fledge(["pull", to, "-o", tempDir()], { env })).code).toBe(0);
    } finally {
      await closed.stop();
    }
  });

  test("goes over TLS, to a server that is trusted", async () => {
    const safe = await startRegistry({ tls: true });
    try {
      const cwd = plugins();
      const to = `${safe.host}/team/small`;
      const refused = await fledge(["push", "small", to], { cwd });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/hint .*NODE_EXTRA_CA_CERTS/);
      const env = { NODE_EXTRA_CA_CERTS: safe.ca ?? "" };
      const pushed = await fledge(["push", "small", to], { cwd, env });
      expect(pushed.code, pushed.stderr).toBe(0);
      const pulled = await fledge(["pull", to, "-o", tempDir()], { env });
      expect(pulled.code, pulled.stderr).toBe(0);
    } finally {
      await safe.stop();
    }
  });

  test("goes on where a connection breaks, up and down", async () => {
    const cwd = plugins();
    const after = [50, 200_000, 300_000, 2_000, 100_000];
    const up = await startCuttingProxy(registry.host, { after, direction: "up" });
    const pushed = await fledge(["push", "disk", `${up.host}/team/cut:1`, "-v"], { cwd });
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(up.cuts()).toBe(after.length);
    await up.close();
    const down = await startCuttingProxy(registry.host, { after, direction: "down" });
    const outDir = tempDir();
    const pulled = await fledge(["pull", `${down.host}/team/cut:1`, "-o", outDir], { cwd });
    expect(pulled.code, pulled.stderr).toBe(0);
    expect(down.cuts()).toBe(after.length);
    await down.close();
    const [there, here] = [outDir, cwd].map((folder) => readFileSync(join(folder, "disk-rootfs.img")));
    expect(there?.equals(here as Buffer)).toBe(true);
  });

  test("is an error and nothing else where the registry has other bytes", async () => {
    const cwd = plugins();
    const to = `${registry.host}/team/rotten:1`;
    expect((await fledge(["push", "disk", to], { cwd })).code).toBe(0);
    const rotten = registry.rot("team/rotten");
    expect(rotten).toBeGreaterThan(2);
    const outDir = tempDir();
    const { code, stderr } = await fledge(["pull", to, "-o", outDir]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error .*(expected|instead of|digest)/m);
    expect(readdirSync(outDir)).toEqual([]);
  });

  test("is refused in words where it is none, or is asked for wrongly", async () => {
    const cwd = plugins();
    const error = async (...args: string[]) => {
      const { code, stderr } = await fledge(args, { cwd });
      return `${code}: ${stderr.replace(/^(?!error).*\n/gm, "")}`;
    };
    expect(await error("push")).toMatch(/^2: error fledge push needs a repository/);
    expect(await error("push", `${registry.host}/x/both`)).toMatch(/^2: error a repository gets one plugin/);
    expect(await error("push", "small", `${registry.host}/x/y@sha256:${"0".repeat(64)}`)).toMatch(
      /^2: error .*has a digest/,
    );
    expect(await error("push", "small", "oci:folder")).toMatch(/^2: error .*is not the name of a repository/);
    expect(await error("pull")).toMatch(/^2: error fledge pull takes one reference/);
    expect(await error("pull", `${registry.host}/x/absent`)).toMatch(/^1: error .*has no/);
    const layout = join(tempDir(), "layout");
    execFileSync("umoci", ["init", "--layout", layout]);
    execFileSync("umoci", ["new", "--image", `${layout}:1`]);
    registry.push(`oci:${layout}:1`, "x/image:1");
    expect(await error("pull", `${registry.host}/x/image:1`)).toMatch(
      /^1: error .*is no plugin that fledge has pushed/,
    );
  });
});
