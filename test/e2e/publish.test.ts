import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUCKET_KEYS, startBuckets } from "../helpers/bucket.ts";
import { type CliResult, fledge, startFledge } from "../helpers/cli.ts";
import { startCuttingProxy } from "../helpers/cutting-proxy.ts";
import { project } from "../helpers/project.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { startSlowProxy } from "../helpers/slow-proxy.ts";
import { tempDir } from "../helpers/temp.ts";

const MANIFEST = { workload: { entrypoint: ["/bin/app"], env: { MODE: "test" }, baseUrl: "http://127.0.0.1:8080" } };

/** A disk with a layer of its own, a mapping and a hook, published to what is asked for. */
function plugin(to: readonly object[], sizeMb = 24): string {
  const recipe = {
    name: "web",
    version: "1.2.3",
    strategy: "oci_rootfs",
    source: { dir: "./root" },
    mappings: { "./app.conf": "/etc/app.conf" },
    manifest: MANIFEST,
    filesystem: { type: "ext4", size: `${sizeMb}M` },
    publish: { to },
  };
  const cwd = project({
    "fledge.config.mjs": `export default ${JSON.stringify(recipe)};`,
    "app.conf": "port = 8080\n",
  });
  mkdirSync(join(cwd, "root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(cwd, "root/bin/app"));
  return cwd;
}

function events({ stdout }: CliResult, type: string) {
  const lines = stdout.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line)).filter((event) => event.type === type);
}

function manifestAt(path: string) {
  return JSON.parse(readFileSync(path, "utf8"));
}

test("a folder gets the artifact under a name of its own, and manifests that say where it is served", async () => {
  const dir = join(tempDir(), "www");
  const cwd = plugin([{ dir, url: "https://plugins.example.org/volant/" }]);
  const first = await fledge(["publish", "--json"], { cwd });
  expect(first.code, first.stderr).toBe(0);
  const [published] = events(first, "publish:done");
  expect(published).toMatchObject({ plugin: "web", target: dir });
  expect(published.locations).toEqual(["https://plugins.example.org/volant/web-1.2.3.manifest.json"]);
  const files = readdirSync(dir).sort();
  expect(files).toEqual([
    "web-1.2.3.manifest.json",
    expect.stringMatching(/^web-[0-9a-f]{16}-rootfs\.img$/),
    "web.manifest.json",
  ]);
  const disk = files[1] as string;
  expect(readFileSync(join(dir, disk)).equals(readFileSync(join(cwd, "web-rootfs.img")))).toBe(true);
  const { rootfs } = manifestAt(join(dir, "web.manifest.json"));
  expect(rootfs.url).toBe(`https://plugins.example.org/volant/${disk}`);
  expect(rootfs.checksum.slice(0, 23)).toBe(`sha256:${disk.slice(4, 20)}`);
  expect((await fledge(["check", join(dir, "web.manifest.json")])).code).toBe(0);
  const second = await fledge(["publish", "--json"], { cwd });
  expect(events(second, "publish:done")[0].sentBytes).toBe(0);
});

test("an older manifest stays true when a plugin is published again", async () => {
  const dir = tempDir();
  const cwd = plugin([{ dir }]);
  expect((await fledge(["publish"], { cwd })).code).toBe(0);
  const before = manifestAt(join(dir, "web.manifest.json")).rootfs;
  writeFileSync(join(cwd, "app.conf"), "port = 9090\n");
  expect((await fledge(["publish"], { cwd })).code).toBe(0);
  const after = manifestAt(join(dir, "web.manifest.json")).rootfs;
  expect(after.url).not.toBe(before.url);
  expect([before.url, after.url].map(existsSync)).toEqual([true, true]);
  expect(execFileSync("sha256sum", [before.url], { encoding: "utf8" })).toContain(before.checksum.slice(7));
});

test("publishing says what is missing, and leaves nothing behind", async () => {
  const cwd = plugin([]);
  const none = await fledge(["publish"], { cwd });
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/publish\.to.*is empty/);
  const absent = withoutPublish(plugin([]));
  const { code, stderr } = await fledge(["publish"], { cwd: absent });
  expect(code).toBe(2);
  expect(stderr).toMatch(/error the config of web does not say where to publish it\n {2}hint for instance publish:/);
  const file = join(tempDir(), "file");
  writeFileSync(file, "");
  const closed = await fledge(["publish"], { cwd: plugin([{ dir: join(file, "below") }]) });
  expect(closed.code).toBe(1);
  expect(closed.stderr).toMatch(/error cannot create .*is a file, not a folder/);
});

describeWith("a bucket", [requireTools("busybox")], () => {
  let server: Awaited<ReturnType<typeof startBuckets>>;
  let endpoint: string;
  beforeAll(async () => {
    server = await startBuckets();
    ({ endpoint } = server);
  });
  afterAll(() => server.stop());

  const target = () => ({ bucket: "plugins", endpoint, prefix: "team/{name}", url: "https://cdn.example.org" });

  test("gets what a folder gets, once", async () => {
    const cwd = plugin([target()], 80);
    const first = await fledge(["publish", "--json"], { cwd, env: BUCKET_KEYS });
    expect(first.code, first.stderr).toBe(0);
    const [published] = events(first, "publish:done");
    expect(published.locations).toEqual(["https://cdn.example.org/team/web/web-1.2.3.manifest.json"]);
    expect(published.sentBytes).toBe(80 * 2 ** 20);
    const response = await fetch(`${endpoint}/plugins/team/web/web.manifest.json`);
    const { rootfs } = (await response.json()) as { rootfs: { url: string } };
    const key = new URL(rootfs.url).pathname;
    const disk = Buffer.from(await (await fetch(`${endpoint}/plugins${key}`)).arrayBuffer());
    expect(disk.equals(readFileSync(join(cwd, "web-rootfs.img")))).toBe(true);
    const second = await fledge(["publish", "--json"], { cwd, env: BUCKET_KEYS });
    expect(events(second, "publish:done")[0].sentBytes).toBe(0);
  });

  test("goes on where a connection breaks", async () => {
    const proxy = await startCuttingProxy(new URL(endpoint).host, { after: [20_000_000, 5_000_000], direction: "up" });
    const to = { ...target(), endpoint: `http://${proxy.host}`, prefix: "cut" };
    const { code, stderr } = await fledge(["publish"], { cwd: plugin([to], 80), env: BUCKET_KEYS });
    expect(code, stderr).toBe(0);
    expect(proxy.cuts()).toBe(2);
    await proxy.close();
  });

  // s3rver lists neither uploads nor their parts, as some services do not; there all is sent again.
  test.each([true, false])("an upload that was killed is taken up where the bucket lists it: %s", async (lists) => {
    const buckets = await startBuckets({ lists });
    try {
      const cwd = plugin([{ ...target(), endpoint: buckets.endpoint }], 192);
      const killed = startFledge(["publish"], { cwd, env: BUCKET_KEYS });
      await expect
        .poll(() => buckets.unfinished()[0]?.parts.length ?? 0, { timeout: 60_000, interval: 1 })
        .toBeGreaterThan(0);
      killed.kill("SIGKILL");
      await killed.ended;
      const [left] = buckets.unfinished();
      expect(left).toBeDefined();
      const { code, stderr, ...rest } = await fledge(["publish", "--json"], { cwd, env: BUCKET_KEYS });
      expect(code, stderr).toBe(0);
      const [published] = events({ code, stderr, ...rest }, "publish:done");
      const there = lists ? (left?.parts.length ?? 0) : 0;
      expect(published.sentBytes).toBe((192 - there * 32) * 2 ** 20);
      expect(buckets.unfinished()).toEqual(lists ? [] : [left]);
      const disk = await fetch(`${buckets.endpoint}/plugins/${left?.key}`);
      expect(Buffer.from(await disk.arrayBuffer()).equals(readFileSync(join(cwd, "web-rootfs.img")))).toBe(true);
    } finally {
      await buckets.stop();
    }
  });

  // In four parts, all under way at once: s3rver takes a part for there as soon as it begins to come.
  test("one that is overtaken by another with the same upload is done too", async () => {
    const buckets = await startBuckets({ lists: true });
    const slow = await startSlowProxy(new URL(buckets.endpoint).host, { latencyMs: 0, bytesPerSecond: 8 * 2 ** 20 });
    try {
      const publish = async (endpoint: string) => {
        const cwd = plugin([{ ...target(), endpoint }], 128);
        const { code, stderr } = await fledge(["publish"], { cwd, env: BUCKET_KEYS });
        expect(code, stderr).toBe(0);
      };
      const first = publish(`http://${slow.host}`);
      await expect.poll(() => buckets.unfinished().length, { timeout: 60_000, interval: 10 }).toBe(1);
      await publish(buckets.endpoint);
      await first;
    } finally {
      await slow.close();
      await buckets.stop();
    }
  });

  test("refuses in words", async () => {
    const wrong = await fledge(["publish"], {
      cwd: plugin([target()]),
      env: { ...BUCKET_KEYS, AWS_ACCESS_KEY_ID: "nobody" },
    });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/error the bucket plugins answers 403 .*InvalidAccessKeyId/);
    const absent = await fledge(["publish"], { cwd: plugin([{ ...target(), bucket: "absent" }]), env: BUCKET_KEYS });
    expect(absent.stderr).toMatch(/hint make the bucket "absent" first/);
    const without = await fledge(["publish"], { cwd: plugin([target()]), env: { HOME: tempDir() } });
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/error there are no credentials for the bucket\n {2}hint set AWS_ACCESS_KEY_ID/);
  });

  test("takes the profile that `aws configure` has written", async () => {
    const home = tempDir();
    mkdirSync(join(home, ".aws"));
    writeFileSync(
      join(home, ".aws/credentials"),
      "[default]\naws_access_key_id = no\n\n[team]\naws_access_key_id = S3RVER\naws_secret_access_key=S3RVER\n",
    );
    const env = { HOME: home, AWS_PROFILE: "team" };
    const { code, stderr } = await fledge(["publish"], { cwd: plugin([{ ...target(), prefix: "profile" }]), env });
    expect(code, stderr).toBe(0);
  });
});

describeWith("a registry", [needsRegistry(), requireTools("skopeo", "umoci", "busybox")], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());

  test("is one of several places, its tag the plugin's version", async () => {
    const dir = tempDir();
    const cwd = plugin([{ registry: `${registry.host}/team/{name}:{version}` }, { dir }]);
    const published = await fledge(["publish", "--json"], { cwd });
    expect(published.code, published.stderr).toBe(0);
    const reference = `${registry.host}/team/web:1.2.3`;
    expect(events(published, "publish:done").map(({ locations }) => locations[0])).toEqual([
      reference,
      join(dir, "web-1.2.3.manifest.json"),
    ]);
    expect((await fledge(["pull", reference, "-o", tempDir()])).code).toBe(0);
  });

  test("lends blobs of one repository to another", async () => {
    const cwd = withoutPublish(plugin([]));
    const env = { FLEDGE_CACHE_DIR: tempDir() };
    const push = async (to: string) => {
      const result = await fledge(["push", `${registry.host}/${to}`, "--json"], { cwd, env });
      expect(result.code, result.stderr).toBe(0);
      return events(result, "push:done")[0];
    };
    const [first, second] = [await push("one/web"), await push("other/web")];
    expect(first.sentBytes).toBeGreaterThan(0);
    expect(second).toMatchObject({ sentBytes: 0, digest: first.digest });
    expect((await fledge(["pull", `${registry.host}/other/web`, "-o", tempDir()])).code).toBe(0);
  });

  test("gets a container image that runs what the plugin runs, a layer for each origin", async () => {
    const cwd = withoutPublish(plugin([]));
    const to = `${registry.host}/team/image:1`;
    const pushed = await fledge(["push", to, "--as-image", "--json"], { cwd });
    expect(pushed.code, pushed.stderr).toBe(0);
    const layout = join(tempDir(), "layout");
    execFileSync("skopeo", ["copy", "--quiet", "--src-tls-verify=false", `docker://${to}`, `oci:${layout}:1`]);
    const inspected = JSON.parse(
      execFileSync("skopeo", ["inspect", "--config", `oci:${layout}:1`], { encoding: "utf8" }),
    );
    expect(inspected.config).toMatchObject({
      Entrypoint: ["/bin/app"],
      Env: ["MODE=test"],
      ExposedPorts: { "8080/tcp": {} },
    });
    expect(inspected.history.map(({ created_by }: { created_by: string }) => created_by)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^mapping .*app\.conf/)]),
    );
    expect(inspected.rootfs.diff_ids).toHaveLength(inspected.history.length);
    const bundle = join(tempDir(), "bundle");
    execFileSync("umoci", ["unpack", "--rootless", "--image", `${layout}:1`, bundle]);
    const compared = await fledge(["diff", join(cwd, "web-rootfs.img"), `oci:${layout}:1`, "--json"], { cwd });
    expect(JSON.parse(compared.stdout).differences ?? [], compared.stdout).toEqual([]);
    expect(readFileSync(join(bundle, "rootfs/etc/app.conf"), "utf8")).toBe("port = 8080\n");
    const again = await fledge(["push", to, "--as-image", "--json"], { cwd });
    expect(events(again, "push:done")[0]).toMatchObject({
      sentBytes: 0,
      digest: events(pushed, "push:done")[0].digest,
    });
  });

  test("keeps what is attached, where it lists no referrers too", async () => {
    const cwd = withoutPublish(plugin([]));
    writeFileSync(join(cwd, "web.spdx.json"), '{"spdxVersion":"SPDX-2.3"}');
    writeFileSync(join(cwd, "web.sig"), "signed");
    const to = `${registry.host}/team/attached:1`;
    const attach = ["--attach", `application/spdx+json=${join(cwd, "web.spdx.json")}`];
    const more = ["--attach", `application/x-signature=${join(cwd, "web.sig")}`];
    const pushed = await fledge(["push", to, ...attach, ...more, "--json"], { cwd });
    expect(pushed.code, pushed.stderr).toBe(0);
    const outDir = tempDir();
    const pulled = await fledge(["pull", to, "-o", outDir, "--attached", "--json"]);
    expect(pulled.code, pulled.stderr).toBe(0);
    expect(readFileSync(join(outDir, "web.spdx.json"), "utf8")).toBe('{"spdxVersion":"SPDX-2.3"}');
    expect(events(pulled, "pull:done")[0].attached).toHaveLength(2);
    const tag = events(pushed, "push:done")[0].digest.replace(":", "-");
    const index = execFileSync("skopeo", [
      "inspect",
      "--raw",
      "--tls-verify=false",
      `docker://${registry.host}/team/attached:${tag}`,
    ]);
    const types = JSON.parse(index.toString()).manifests.map(
      ({ artifactType }: { artifactType: string }) => artifactType,
    );
    expect(types.sort()).toEqual(["application/spdx+json", "application/x-signature"]);
    const wrong = await fledge(["push", to, "--attach", "web.sig"], { cwd });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/error --attach web\.sig does not say what is attached/);
  });
});

/** The config of `plugin`, which has nowhere to go by itself. */
function withoutPublish(cwd: string): string {
  const path = join(cwd, "fledge.config.mjs");
  writeFileSync(path, readFileSync(path, "utf8").replace(',"publish":{"to":[]}', ""));
  return cwd;
}
