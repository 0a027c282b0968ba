import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { sha256 } from "../../src/lib/digest.ts";
import { fledge } from "../helpers/cli.ts";
import { engineStore } from "../helpers/engine-store.ts";
import { file, httpServer, json, type Reply } from "../helpers/file-server.ts";
import { makeImage, makeIndex, type TestImage, writeImages } from "../helpers/images.ts";
import { project } from "../helpers/project.ts";
import { startRecordingProxy } from "../helpers/recording-proxy.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const LATEST = "/repos/volantvm/volant/releases/latest";
const PLATFORMS = ["amd64", "arm64"] as const;

/** An image whose program is BusyBox and that says which version it is of. */
const imageOf = (version: string, architecture: string): TestImage =>
  makeImage({
    architecture,
    layers: [
      tar(
        { name: "bin/", type: "5" },
        { name: "bin/tool", data: readFileSync("/bin/busybox"), mode: 0o755 },
        { name: "version", data: `${version} ${architecture}` },
      ),
    ],
    config: { Entrypoint: ["/bin/tool"], ExposedPorts: { "80/tcp": {} } },
  });

const indexOf = (version: string) => makeIndex(PLATFORMS.map((architecture) => imageOf(version, architecture)));

type Lock = { lockfileVersion: number; fledge: string; entries: Record<string, Record<string, string>> };
const lockIn = (cwd: string): Lock => JSON.parse(readFileSync(join(cwd, "fledge.lock"), "utf8"));

/** The version of the image that was built in. */
const versionIn = (cwd: string, artifact: string): string =>
  execFileSync("tar", ["-xOf", join(cwd, artifact), "version"], { encoding: "utf8" });

/** Not of the machine's: these tests say themselves when they are in CI. */
const NOT_CI = { CI: "" };

describeWith("a lock", [needsRegistry(), requireTools("buildah")], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  const push = (version: string, name = "team/app:v1"): void => {
    const folder = registry.scratch();
    writeImages(folder, [{ tag: "it", image: indexOf(version) }]);
    registry.push(`oci:${folder}:it`, name, "--all");
  };

  /** A registry with `team/app:v1`, seen through a proxy, and a config that is made from it. */
  async function start(more = "", version = "one") {
    push(version);
    const proxy = await startRecordingProxy(registry.host);
    onTestFinished(() => proxy.close());
    const image = `${proxy.host}/team/app:v1`;
    const recipe = (name: string, own = more): string =>
      `export default { name: ${JSON.stringify(name)}, strategy: "oci_rootfs", platform: "linux/amd64",
        filesystem: { type: "tar" }, source: { image: ${JSON.stringify(image)} }, ${own} };`;
    const cwd = project({ "fledge.config.mjs": recipe("web") });
    const key = (architecture: string): string => `image ${image} linux/${architecture}`;
    const cache = tempDir();
    const run = (args: readonly string[], env: Record<string, string> = {}, folder = cwd) =>
      fledge(args, { cwd: folder, env: { ...NOT_CI, FLEDGE_CACHE_DIR: cache, ...env } });
    return { cwd, proxy, image, key, run, recipe, cache };
  }

  it("holds a build to what a tag was, and no tag is asked for", async () => {
    const { cwd, proxy, key, run } = await start();
    const locked = await run(["lock"]);
    expect(locked.code, locked.stderr).toBe(0);
    const { digest } = indexOf("one").descriptor;
    expect(locked.stdout).toBe(`fledge.lock: 1 new\n  + ${key("amd64")}  ${digest}\n`);
    expect(lockIn(cwd)).toMatchObject({ lockfileVersion: 1, entries: { [key("amd64")]: { digest } } });
    expect(proxy.seen().filter((asked) => asked.endsWith("/manifests/v1"))).toHaveLength(1);

    push("two");
    const env = { FLEDGE_CACHE_DIR: tempDir() };
    const built = await run(["build", "--frozen"], env);
    expect(built.code, built.stderr).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("one amd64");
    const seen = proxy.seen();
    expect(seen.filter((asked) => asked.includes("/manifests/")).length).toBeGreaterThan(0);
    for (const asked of seen) expect(asked).toMatch(/^GET \/v2\/(team\/app\/(manifests|blobs)\/sha256:[0-9a-f]{64})?$/);

    // Once all of it is in the cache, nothing is asked for at all.
    expect(await run(["build"], env)).toMatchObject({ code: 0 });
    expect(proxy.seen().filter((asked) => asked !== "GET /v2/")).toEqual([]);
  }, 300_000);

  it("a moved tag is an update, never an error: outdated says it, update writes it", async () => {
    const { cwd, key, run } = await start();
    await run(["lock"]);
    const upToDate = await run(["outdated"]);
    expect(upToDate).toMatchObject({ code: 0, stdout: "fledge.lock: all 1 entries are up to date\n" });
    push("two");
    const [one, two] = [indexOf("one").descriptor.digest, indexOf("two").descriptor.digest];
    const outdated = await run(["outdated"]);
    expect(outdated.code).toBe(1);
    expect(outdated.stdout).toContain(`1 of 1 are something else by now\n  ~ ${key("amd64")}  ${one} -> ${two}\n`);
    const change = { key: key("amd64"), from: { digest: one }, to: { digest: two } };
    expect(JSON.parse((await run(["outdated", "--json"])).stdout)).toMatchObject([{ changes: [change] }]);
    expect((await run(["build", "--frozen"])).code).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("one amd64");

    const dry = await run(["update", "--dry-run"]);
    expect(dry.stdout).toMatch(/^fledge\.lock: 1 different \(nothing is written\)\n/);
    expect(lockIn(cwd).entries[key("amd64")]).toEqual({ digest: one });
    const wrong = await run(["update", "ngix"]);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing that is locked is called "ngix"'),
    });
    const updated = await run(["update", "app"]);
    expect(updated.stdout).toContain(`${one} -> ${two}`);
    expect(lockIn(cwd).entries[key("amd64")]).toEqual({ digest: two });
    expect((await run(["build", "--frozen"])).code).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("two amd64");
  }, 300_000);

  it("without one a build writes none, unless the config says so; lock: true adds what is missing", async () => {
    const { cwd, run, key, recipe, proxy } = await start();
    expect((await run(["build"])).code).toBe(0);
    expect(existsSync(join(cwd, "fledge.lock"))).toBe(false);
    expect((await run(["build"], { CI: "true" })).code).toBe(0);
    writeFileSync(join(cwd, "fledge.config.mjs"), recipe("web", "lock: true"));
    expect((await run(["build"])).code).toBe(0);
    expect(Object.keys(lockIn(cwd).entries)).toEqual([key("amd64")]);
    push("two");
    proxy.seen();
    expect((await run(["build"])).code).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("one amd64");
    expect(proxy.seen().join()).not.toContain("/manifests/v1");
  }, 300_000);

  it("of TOML recipes too", async () => {
    const { image, key, run } = await start();
    const toml = `name = "web"\nstrategy = "oci_rootfs"\nplatform = "linux/amd64"\nlock = true
      [source]\nimage = "${image}"\n[filesystem]\ntype = "tar"\n`;
    const cwd = project({ "fledge.toml": toml });
    const { code, stderr } = await run(["build"], {}, cwd);
    expect(code, stderr).toBe(0);
    expect(Object.keys(lockIn(cwd).entries)).toEqual([key("amd64")]);
  }, 300_000);

  it("frozen fails before any work where something is missing or stale, also by itself in CI", async () => {
    const { cwd, run, key, proxy } = await start();
    const none = await run(["build", "--frozen"]);
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no \S+fledge\.lock.*\n.*fledge lock/),
    });
    await run(["lock"]);
    const text = readFileSync(join(cwd, "fledge.config.mjs"), "utf8");
    writeFileSync(join(cwd, "fledge.config.mjs"), text.replace("app:v1", "app:v2"));
    proxy.seen();
    for (const [args, env] of [
      [["build", "--frozen"], {}],
      [["build"], { CI: "1" }],
    ] as const) {
      const { code, stderr } = await run(args, env);
      expect(code).toBe(2);
      expect(stderr).toContain(`"${key("amd64").replace("app:v1", "app:v2")}" is missing`);
      expect(stderr).toContain(`it has "${key("amd64")}"`);
    }
    expect(proxy.seen()).toEqual([]);
    expect(readdirSync(cwd).filter((name) => name.startsWith("web"))).toEqual([]);
    push("three", "team/app:v2");
    const loose = await run(["build"]);
    expect(loose).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/has no entry "image .*, so it is asked for/),
    });
    const relocked = await run(["lock"]);
    expect(relocked.stdout).toMatch(/^fledge\.lock: 1 new, 1 dropped\n/);
    expect((await run(["build"], { CI: "1" })).code).toBe(0);
  }, 300_000);

  it("offline, all has to be in the cache; what is not is listed, and nothing is asked for", async () => {
    const { cwd, run, key, proxy, image } = await start();
    const unlocked = await run(["build", "--offline"]);
    expect(unlocked.code).toBe(1);
    expect(unlocked.stderr).toContain(`"${key("amd64")}" is in no lock`);
    await run(["lock"]);
    proxy.seen();
    const empty = await run(["build", "--offline"], { FLEDGE_CACHE_DIR: tempDir() });
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain(
      `the manifest or the config of ${image} (${indexOf("one").descriptor.digest}) is not`,
    );
    const layers = await run(["build", "--offline"]);
    expect(layers.stderr).toMatch(/layer sha256:[0-9a-f]{64} of \S+ is not in the cache/);
    expect(proxy.seen()).toEqual([]);
    expect((await run(["build"])).code).toBe(0);
    rmSync(join(cwd, "web-rootfs.tar"));
    proxy.seen();
    const built = await run(["build", "--offline", "--frozen"]);
    expect(built.code, built.stderr).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("one amd64");
    expect(proxy.seen()).toEqual([]);
  }, 300_000);

  it("of a workspace is at its root, for all platforms, and builds of a part of it use it", async () => {
    const { run, key, recipe, proxy } = await start();
    const both = (name: string): string =>
      recipe(name, "").replace('platform: "linux/amd64"', 'platforms: ["linux/amd64", "linux/arm64"]');
    const root = project({
      "fledge.config.mjs": 'export default { plugins: ["./plugins/*"] };',
      "plugins/web/fledge.config.mjs": both("web"),
      "plugins/db/fledge.config.mjs": recipe("db", ""),
    });
    const locked = await run(["lock", "--json"], {}, root);
    expect(JSON.parse(locked.stdout)).toMatchObject([{ file: join(root, "fledge.lock"), unpinned: [], notes: [] }]);
    expect(Object.keys(lockIn(root).entries)).toEqual([key("amd64"), key("arm64")]);
    push("two");
    proxy.seen();
    const built = await run(["build", "--frozen"], {}, root);
    expect(built.code, built.stderr).toBe(0);
    const web = join(root, "plugins/web");
    expect(versionIn(web, "linux-arm64/web-linux-arm64-rootfs.tar")).toBe("one arm64");
    const alone = await run(["build", "--frozen"], {}, join(root, "plugins/db"));
    expect(alone.code, alone.stderr).toBe(0);
    expect(versionIn(join(root, "plugins/db"), "db-rootfs.tar")).toBe("one amd64");
    expect(proxy.seen().join()).not.toContain("/manifests/v1");

    // Of a part: what the others have stays.
    const part = await run(["lock"], {}, join(root, "plugins/db"));
    expect(part.stdout).toContain("2 as before");
    expect(existsSync(join(root, "plugins/db/fledge.lock"))).toBe(false);
    mkdirSync(join(root, ".git"));
    expect((await run(["lock", "db"], {}, root)).stdout).toContain("2 as before");
  }, 300_000);

  it("is written by many at once, and has the entries of all", async () => {
    const { run, recipe, key } = await start();
    const names = ["a", "b", "c", "d"];
    for (const name of names) push(name, `team/app:${name}`);
    const root = project({
      "fledge.config.mjs": 'export default { plugins: ["./plugins/*"] };',
      ...Object.fromEntries(
        names.map((name) => [`plugins/${name}/fledge.config.mjs`, recipe(name, "").replace("app:v1", `app:${name}`)]),
      ),
    });
    const results = await Promise.all(names.map((name) => run(["lock", name], {}, root)));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const keys = names.map((name) => key("amd64").replace("app:v1", `app:${name}`));
    expect(Object.keys(lockIn(root).entries)).toEqual(keys);
    expect(readdirSync(root).sort()).toEqual(["fledge.config.mjs", "fledge.lock", "plugins"]);
  }, 300_000);

  it("holds the agent's release and BusyBox as well; neither is asked for again", async () => {
    const { cwd, run } = await start();
    const busybox = readFileSync("/bin/busybox");
    const routes: Record<string, Reply> = {};
    const server = await httpServer(routes);
    const asset = { name: "kestrel", browser_download_url: server.url("/v1/kestrel") };
    Object.assign(routes, {
      [LATEST]: json({ tag_name: "v1", assets: [asset] }),
      "/v1/kestrel": file(busybox),
      "/busybox": file(busybox),
    });
    const recipe = `export default { name: "guest", strategy: "initramfs", platform: "linux/amd64",
      agent: { release: "latest" }, busybox: { url: ${JSON.stringify(server.url("/busybox?token=s3cret"))} },
      archive: { compression: "none" }, manifest: { workload: { entrypoint: ["/bin/busybox"], baseUrl: "http://127.0.0.1:80" } } };`;
    writeFileSync(join(cwd, "fledge.config.mjs"), recipe);
    const env = { GITHUB_API_URL: server.origin };
    const locked = await run(["lock"], env);
    expect(locked.code, locked.stderr).toBe(0);
    const digest = sha256(busybox);
    expect(lockIn(cwd).entries).toEqual({
      "agent volantvm/volant latest": { digest, tag: "v1", url: server.url("/v1/kestrel") },
      [`busybox ${server.url("/busybox")}`]: { digest },
    });
    expect(readFileSync(join(cwd, "fledge.lock"), "utf8")).not.toContain("s3cret");
    routes[LATEST] = json({ tag_name: "v2", assets: [] });
    const before = server.requests.length;
    const built = await run(["build", "--frozen", "--offline"], env);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).not.toContain("is not pinned");
    expect(server.requests.length).toBe(before);
    const plan = await run(["plan"], env);
    expect(plan.stdout).toContain(`✔ agent volantvm/volant latest  ${digest} (fledge.lock)`);
    expect((await run(["doctor"], env)).stdout).toContain(`✔ agent volantvm/volant latest  ${digest} (fledge.lock)`);
  }, 300_000);

  it("holds a source of the user's by its digest and locator; one without a digest is refused when frozen", async () => {
    const { cwd, run } = await start();
    const recipe = (pin: string): string => `import { writeFileSync } from "node:fs";
      export default { name: "own", strategy: "oci_rootfs", platform: "linux/amd64", filesystem: { type: "tar" },
        source: { custom: { name: "mine", pin: async () => { writeFileSync("asked", ""); return ${pin}; },
          async *layers(pin) { writeFileSync("pin.json", JSON.stringify(pin)); yield { label: "none", entries: () => [] }; } } } };`;
    const digest = sha256("it");
    writeFileSync(join(cwd, "fledge.config.mjs"), recipe('{ reference: "mine of today" }'));
    const unpinned = await run(["lock"]);
    expect(unpinned.stdout).toContain("unpinned source mine linux/amd64: a frozen build refuses it\n");
    const refused = await run(["build", "--frozen"]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('"source mine linux/amd64" is missing') });

    const pin = `{ reference: "mine of today", digest: "${digest}", locator: "https://example.org/today" }`;
    writeFileSync(join(cwd, "fledge.config.mjs"), recipe(pin));
    expect((await run(["lock"])).code).toBe(0);
    const entry = { digest, locator: "https://example.org/today", reference: "mine of today" };
    expect(lockIn(cwd).entries).toEqual({ "source mine linux/amd64": entry });
    rmSync(join(cwd, "asked"));
    const built = await run(["build", "--frozen"]);
    expect(built.code, built.stderr).toBe(0);
    expect(existsSync(join(cwd, "asked"))).toBe(false);
    expect(JSON.parse(readFileSync(join(cwd, "pin.json"), "utf8"))).toEqual(entry);
  }, 300_000);

  it("holds what a Dockerfile is made from, and the engine asks for no tag", async () => {
    const { proxy, key, run } = await start();
    const store = engineStore();
    onTestFinished(() => store.remove());
    const conf = join(tempDir(), "registries.conf");
    writeFileSync(conf, `[[registry]]\nlocation = "${proxy.host}"\ninsecure = true\n`);
    const cwd = project({
      Dockerfile: `ARG TAG=v1\nFROM ${proxy.host}/team/app:$TAG AS one\nFROM one\nCOPY text left-out /srv/\n`,
      "Dockerfile.dockerignore": "left-out/*\n",
      text: "it\n",
      "left-out/file": "it\n",
      "fledge.config.mjs": `export default { name: "web", strategy: "oci_rootfs", platform: "linux/amd64",
        filesystem: { type: "tar" }, source: { dockerfile: "Dockerfile", builder: "buildah" } };`,
    });
    const locked = await run(["lock"], {}, cwd);
    expect(locked.code, locked.stderr).toBe(0);
    expect(lockIn(cwd).entries).toEqual({ [key("amd64")]: { digest: indexOf("one").descriptor.digest } });
    push("two");
    proxy.seen();
    const built = await run(["build", "--frozen"], { ...store.env, CONTAINERS_REGISTRIES_CONF: conf }, cwd);
    expect(built.code, built.stderr).toBe(0);
    expect(versionIn(cwd, "web-rootfs.tar")).toBe("one amd64");
    const names = execFileSync("tar", ["-tf", join(cwd, "web-rootfs.tar")], { encoding: "utf8" });
    expect(names).toContain("srv/text");
    expect(names).not.toContain("srv/file");
    const seen = proxy.seen();
    expect(seen.join()).toContain(`/manifests/${indexOf("one").descriptor.digest}`);
    expect(seen.join()).not.toContain("/manifests/v1");
    const offline = await run(["build", "--offline"], {}, cwd);
    expect(offline).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the image of Dockerfile is built by another program"),
    });
  }, 300_000);

  it("that cannot be read is an error, and stays as it is", async () => {
    const { cwd, run } = await start();
    await run(["lock"]);
    const path = join(cwd, "fledge.lock");
    const text = readFileSync(path, "utf8");
    for (const [broken, says] of [
      [`<<<<<<< ours\n${text}=======\n>>>>>>> theirs\n`, "has a merge conflict in it"],
      [text.slice(0, 50), "is not a lock: it is not JSON"],
    ] as const) {
      writeFileSync(path, broken);
      for (const command of ["build", "lock"]) {
        const { code, stderr } = await run([command]);
        expect(code, command).toBe(2);
        expect(stderr).toContain(says);
      }
      expect(readFileSync(path, "utf8")).toBe(broken);
    }
  }, 300_000);
});
