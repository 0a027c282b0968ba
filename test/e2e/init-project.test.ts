import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type CliOptions, fledge } from "../helpers/cli.ts";
import { run } from "../helpers/disk.ts";
import { busyboxLayout, engineStore } from "../helpers/engine-store.ts";
import { fsck } from "../helpers/ext4.ts";
import { requireBoot } from "../helpers/guest.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { project } from "../helpers/project.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";
import { fledgeOnTerminal, KEYS } from "../helpers/terminal.ts";

/** As a person does it: an empty folder, `fledge init`, `fledge build`. */
async function buildNew(template: string, options: CliOptions = {}) {
  const cwd = tempDir();
  const init = await fledge(["init", "web", "--template", template], { cwd });
  expect(init, init.stderr).toMatchObject({ code: 0, stderr: "" });
  const folder = join(cwd, "web");
  const build = await fledge(["build", "--verify"], { ...options, cwd: folder });
  expect(build.code, build.stderr).toBe(0);
  const check = await fledge(["check", join(folder, "web.manifest.json")]);
  expect(check).toMatchObject({ code: 0, stderr: "" });
  return { folder, init, manifest: JSON.parse(readFileSync(join(folder, "web.manifest.json"), "utf8")) };
}

describeWith("a new project without the network", [requireTools("busybox"), requireBoot()], () => {
  test.each(["initramfs", "toml"])("%s builds and boots at once", async (template) => {
    const { folder, init, manifest } = await buildNew(template);
    expect(init.stdout).toContain("next\n  cd web\n  npm install");
    expect(manifest).toMatchObject({ name: "web", version: "0.1.0", initramfs: { url: "web.cpio.gz" } });
    expect(existsSync(join(folder, "web.cpio.gz"))).toBe(true);
    const tested = await fledge(["test", "--skip-build"], { cwd: folder });
    expect(tested.code, tested.stderr).toBe(0);
  });

  test("toml becomes a config that builds the same bytes", async () => {
    const { folder, manifest } = await buildNew("toml");
    const migrate = await fledge(["migrate"], { cwd: folder });
    expect(migrate).toMatchObject({ code: 0, stderr: expect.stringContaining("dropped") });
    expect(migrate.stdout).toContain("  rm fledge.toml manifest.toml\n");
    expect((await fledge(["build"], { cwd: folder })).code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "web.manifest.json"), "utf8"))).toEqual(manifest);
    const again = await fledge(["migrate"], { cwd: folder });
    expect(again.stderr).toMatch(/has a fledge\.config\.ts already; nothing was written/);
    expect(again.code).toBe(2);
    const dry = await fledge(["migrate", "--dry-run"], { cwd: folder });
    expect(dry).toMatchObject({ code: 0, stdout: readFileSync(join(folder, "fledge.config.ts"), "utf8") });
  });
});

describeWith("a new project from an image", [needsRealImages(), needsRegistry(), requireTools("e2fsck")], () => {
  let hub: Hub;
  beforeAll(async () => {
    hub = await startHub();
  }, 1_200_000);
  afterAll(() => hub.registry.stop());

  test("oci builds at once", async () => {
    const { folder, manifest } = await buildNew("oci", { env: { ...hub.env } });
    expect(manifest).toMatchObject({ name: "web", rootfs: { url: "web-rootfs.img" } });
    expect(manifest.workload).toMatchObject({
      entrypoint: ["/usr/sbin/nginx", "-g", "daemon off;"],
      base_url: "http://127.0.0.1:80",
      env: { GREETING: "hello" },
    });
    fsck(join(folder, "web-rootfs.img"));
  });
});

const ENGINE_NEEDS = [requireRoot(), requireTools("buildah", "skopeo", "busybox", "e2fsck", "debugfs")];

describeWith("a new project from a Dockerfile", ENGINE_NEEDS, () => {
  test("dockerfile builds at once", { timeout: 240_000 }, async () => {
    const store = engineStore();
    onTestFinished(() => store.remove());
    // What the template begins FROM, as the engine would have it after the first build.
    await store.load(busyboxLayout(tempDir()), "busybox");
    const [container = ""] = await store.buildah("from", "localhost/busybox");
    await store.buildah("config", "--entrypoint", '["/bin/httpd","-f"]', container);
    await store.buildah("commit", "--rm", container, "localhost/nginx:alpine");

    const { folder, manifest } = await buildNew("dockerfile", { env: { ...store.env } });
    expect(manifest).toMatchObject({ name: "web", rootfs: { url: "web-rootfs.img" }, image: "Dockerfile" });
    expect(manifest.workload).toMatchObject({ entrypoint: ["/bin/httpd", "-f"], base_url: "http://127.0.0.1:80" });
    const image = join(folder, "web-rootfs.img");
    fsck(image);
    const page = run("debugfs", ["-R", "cat /usr/share/nginx/html/index.html", image]);
    expect(page).toBe(readFileSync(join(folder, "site/index.html"), "utf8"));
  });
});

describeWith("on a terminal", [requireTools("script")], () => {
  test("it asks what it needs to know, and again when the answer cannot be", async () => {
    const cwd = project({});
    const { code, screen } = await fledgeOnTerminal(["init", "Shop"], {
      cwd,
      answers: [
        [/What do you begin with\?[\s\S]*a package with a preset/, KEYS.down + KEYS.down],
        [/● dockerfile/, KEYS.enter],
        [/What is it called\?[\s\S]*shop/, `My Shop${KEYS.enter}`],
        [/What is it called\? \(lower case/, `my-shop${KEYS.enter}`],
      ],
    });
    expect(code, screen).toBe(0);
    expect(screen).toContain("my-shop is there, from the template dockerfile");
    expect(readFileSync(join(cwd, "Shop", "fledge.config.ts"), "utf8")).toContain('name: "my-shop"');
    expect(existsSync(join(cwd, "Shop", "Dockerfile"))).toBe(true);
  });

  test("Enter takes what is offered", async () => {
    const cwd = project({});
    const { code, screen } = await fledgeOnTerminal(["init", "shop", "-t", "oci"], {
      cwd,
      answers: [[/What is it called\?/, KEYS.enter]],
    });
    expect(code, screen).toBe(0);
    expect(readFileSync(join(cwd, "shop", "fledge.config.ts"), "utf8")).toContain('name: "shop"');
  });

  test.each([
    [[], /What do you begin with/],
    [["-t", "oci"], /What is it called/],
  ])("Ctrl-C ends it, with nothing written", async (flags, question) => {
    const cwd = project({});
    const { code, screen } = await fledgeOnTerminal(["init", ...flags], { cwd, answers: [[question, KEYS.interrupt]] });
    expect(code, screen).toBe(130);
    expect(screen).toContain("cancelled; nothing was written");
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("--yes asks nothing", async () => {
    const cwd = project({});
    const { code, screen } = await fledgeOnTerminal(["init", "shop", "--yes"], { cwd, answers: [] });
    expect(code, screen).toBe(0);
    expect(screen).toContain("shop is there, from the template initramfs");
  });
});

test("on a pipe it says which flags it needs", async () => {
  const cwd = tempDir();
  const { code, stderr } = await fledge(["init"], { cwd });
  expect(stderr).toContain("--template initramfs|oci|dockerfile|toml|preset, or --yes for an initramfs");
  expect(code).toBe(2);
  const typo = await fledge(["init", "--template", "dockerfiel"], { cwd });
  expect(typo).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "dockerfile"?') });
  const both = await fledge(["init", "--preset", "x", "--template", "oci"], { cwd });
  expect(both).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--preset and --template exclude each other"),
  });
  const two = await fledge(["init", "a", "b", "--yes"], { cwd });
  expect(two).toMatchObject({ code: 2, stderr: expect.stringContaining('was also given "b"') });
  expect(readdirSync(cwd)).toEqual([]);
});

test("it never writes over anything, and says all that is in the way", async () => {
  const cwd = project({ "init.sh": "mine", "fledge.config.mjs": "mine", "package.json": "{}" });
  const { code, stderr } = await fledge(["init", "--yes"], { cwd });
  expect(code).toBe(2);
  for (const name of ["fledge.config.mjs", "init.sh"]) expect(stderr).toContain(`${join(cwd, name)}  is there already`);
  expect(readdirSync(cwd).sort()).toEqual(["fledge.config.mjs", "init.sh", "package.json"]);
  expect(readFileSync(join(cwd, "init.sh"), "utf8")).toBe("mine");
});

test("--preset writes a package", async () => {
  const cwd = tempDir();
  const { code, stdout } = await fledge(["init", "hello", "--preset", "hello"], { cwd });
  expect(code).toBe(0);
  expect(stdout).toContain("fledge-preset-hello is there, from the template preset");
  const { name, keywords } = JSON.parse(readFileSync(join(cwd, "hello", "package.json"), "utf8"));
  expect({ name, keywords }).toEqual({ name: "fledge-preset-hello", keywords: ["fledge-preset"] });
  expect(readFileSync(join(cwd, "hello", "src", "index.ts"), "utf8")).toContain('name: "fledge-preset-hello"');
});

test("--json lists what was written", async () => {
  const cwd = project({ "package.json": '{ "type": "module" }' });
  const { code, stdout, stderr } = await fledge(["init", "--yes", "--json", "--name", "web"], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ dir: cwd, template: "initramfs", name: "web", kept: [{ path: "package.json" }] });
  expect([...result.written, "package.json", "site"].sort()).toEqual(readdirSync(cwd, { recursive: true }).sort());
});
