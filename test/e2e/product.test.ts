import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { askDisk, requireAgent } from "../helpers/agent.ts";
import { archived } from "../helpers/archived.ts";
import { startFledge } from "../helpers/cli.ts";
import { bootGuest, requireBoot } from "../helpers/guest.ts";
import { startHub } from "../helpers/hub.ts";
import { install, pack, ROOT, run } from "../helpers/npm.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };

const BUILT = /built web in .*waiting for changes.*\n/;

/** Everything here is done with the tarball that npm publishes, in folders that know nothing of this repository. */
describeWith("fledge as npm installs it", [requireTools("npm", "busybox", "cpio"), requireBoot()], () => {
  let tarball: string;
  /** A project of the first minutes: an empty folder, `npm install @volantvm/fledge`, `fledge init`. */
  let web: string;
  let initSaid: string;

  beforeAll(() => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "fledge-product-")));
    tarball = pack(ROOT, folder);
    web = join(folder, "web");
    run(folder, "mkdir", "web");
    install(web, tarball);
    initSaid = run(web, "npx", "fledge", "init", "--template", "initramfs", "--yes");
    return () => rmSync(folder, { recursive: true, force: true });
  });

  const edit = (name: string, change: (text: string) => string): void => {
    const file = join(web, name);
    const text = readFileSync(file, "utf8");
    expect(change(text)).not.toBe(text);
    writeFileSync(file, change(text));
  };
  const manifest = (name: string) => JSON.parse(readFileSync(join(web, `${name}.manifest.json`), "utf8"));

  test("a new project is built and boots, is edited, built again, and has types", { timeout: 1_200_000 }, async () => {
    expect(run(web, "npx", "fledge", "build", "--verify")).toMatch(/^web built in /);
    const { console } = await bootGuest({ initrd: join(web, "web.cpio.gz"), until: /on port 8080\n/ });
    expect(console).toContain("web: serving /srv/www on port 8080\n");
    expect(manifest("web")).toMatchObject({ name: "web", version: "0.1.0", initramfs: { url: "web.cpio.gz" } });
    expect(archived(join(web, "web.cpio.gz"), "srv/www/version.txt")).toBe("web 0.1.0\n");

    edit("fledge.config.ts", (text) => text.replace('version: "0.1.0"', "version: process.env.npm_package_version"));
    edit("fledge.config.ts", (text) => `import { readFileSync } from "node:fs";\n${text}`);
    edit("fledge.config.ts", (text) => text.replace("memoryMb: 128", 'memoryMb: Number(readFileSync("memory.txt"))'));
    writeFileSync(join(web, "memory.txt"), "192");
    edit("package.json", (text) => text.replace("{", '{\n  "version": "2.0.0",'));
    expect(run(web, "npx", "fledge", "build")).toMatch(/^web built in /);
    expect(manifest("web")).toMatchObject({ version: "2.0.0", resources: { memory_mb: 192 } });

    // What it says about the package.json that it kept is all that the editor needs.
    const [, missing = ""] = /package\.json kept: npm install --save-dev (.*?), and add "type"/.exec(initSaid) ?? [];
    expect(missing).not.toContain("@volantvm/fledge");
    edit("package.json", (text) => text.replace("{", '{\n  "type": "module",'));
    run(web, "sh", "-c", `npm install --no-audit --no-fund --prefer-offline --save-dev ${missing}`);
    const tsc = (): string => run(web, "npx", "tsc");
    expect(tsc()).toBe("");
    const typed = (line: string): void => writeFileSync(join(web, "typed.ts"), line);
    typed('import { definePlugin } from "@volantvm/fledge"; definePlugin({ strategy: "initramfs", filesystem: {} });');
    expect(tsc).toThrow(/typed\.ts\(1,\d+\): error TS/);
    // Without Node's own types, what a file of the guest holds would be `any`.
    typed(
      'import type { RootfsTree } from "@volantvm/fledge"; export const x = (t: RootfsTree): number => t.readFile("/x");',
    );
    expect(tsc).toThrow(/Buffer.* is not assignable to type 'number'/);
    rmSync(join(web, "typed.ts"));
  });

  test("a preset is begun, tested, packed, installed and extended", { timeout: 1_200_000 }, () => {
    const author = tempDir();
    const said = run(web, "npx", "fledge", "init", author, "--preset", "acme");
    expect(said).toContain("fledge-preset-acme is there, from the template preset");
    expect(filesOf(author)).toEqual([
      ".gitignore",
      "README.md",
      "files/motd",
      "package.json",
      "src/index.ts",
      "test/preset.test.ts",
      "tsconfig.build.json",
      "tsconfig.json",
    ]);
    install(author, "--save-dev", tarball);
    run(author, "npm", "run", "types");
    expect(run(author, "npm", "test")).toMatch(/^[#ℹ] tests 4$/m);
    run(author, "npm", "run", "build");
    const packed = JSON.parse(readFileSync(join(author, "package.json"), "utf8"));
    expect(packed).toMatchObject({
      keywords: ["fledge-preset"],
      peerDependencies: { "@volantvm/fledge": `^${version}` },
    });
    // npm asks whoever installs a package with one of these whether it may run.
    for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
      expect(packed.scripts).not.toHaveProperty(script);
    }

    install(web, pack(author, author));
    run(web, "mkdir", "public");
    const files = {
      "public/index.html": "<h1>hello</h1>\n",
      "app.config.ts": `import { definePlugin } from "@volantvm/fledge";
        import acme from "fledge-preset-acme";
        export default definePlugin({
          name: "app", strategy: "initramfs", init: { none: true }, busybox: { path: "/bin/busybox" },
          extends: [acme({ greeting: "Hi", content: "./public" }), "./named.ts"],
          hooks: { "rootfs:ready": ({ rootfs }) => rootfs.symlink("/bin/busybox", "/init") },
          manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
        });`,
      "named.ts": `import { definePreset } from "@volantvm/fledge";
        export default definePreset({ meta: { name: "named" }, extends: ["fledge-preset-acme"], version: "4.5.6" });`,
      "typo.config.mjs": 'export default { strategy: "initramfs", extends: "@volantvm/fledge/presets/ngin" };',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(web, name), text);
    run(web, "npx", "fledge", "build", "-c", "app.config.ts", "--verify");
    expect(manifest("app")).toMatchObject({ name: "app", version: "4.5.6" });
    const artifact = join(web, manifest("app").initramfs.url);
    expect(archived(artifact, "etc/motd")).toBe(
      "Welcome\nHi\nThis machine was built by fledge, with fledge-preset-acme.\n",
    );
    expect(archived(artifact, "srv/content/index.html")).toBe("<h1>hello</h1>\n");

    expect(() => run(web, "npx", "fledge", "plan", "-c", "typo.config.mjs")).toThrow(/did you mean "nginx"\?/);
    const listed = run(web, "npx", "fledge", "presets", "nginx");
    expect(listed).toContain('import nginx from "@volantvm/fledge/presets/nginx"');
  });

  test("fledge dev builds what changes until Ctrl-C", { timeout: 600_000 }, async () => {
    // Not through npx, which ends with a status of its own when it is interrupted.
    const dev = startFledge(["dev"], { cwd: web, program: [join(web, "node_modules/.bin/fledge")] });
    const read = (path: string): string | undefined => archived(join(web, "web.cpio.gz"), path);
    await dev.until(BUILT);
    writeFileSync(join(web, "site/index.html"), "<h1>changed</h1>\n");
    expect(await dev.until(BUILT)).toContain("changed site/index.html\n");
    expect(read("srv/www/index.html")).toBe("<h1>changed</h1>\n");
    edit("fledge.config.ts", (text) => text.replace("/srv/www/version.txt", "/srv/www/v.txt"));
    expect(await dev.until(BUILT)).toContain("changed fledge.config.ts\n");
    expect(read("srv/www/v.txt")).toMatch(/^web \d/);
    expect(read("srv/www/version.txt")).toBeUndefined();
    dev.kill("SIGINT");
    expect((await dev.ended).code).toBe(0);
  });
});

const FIRST_NEEDS = [requireAgent(), needsRealImages(), needsRegistry(), requireTools("npm")];

describeWith("the README's first config", FIRST_NEEDS, () => {
  test("is built in an empty folder, and its disk serves what it says", { timeout: 1_200_000 }, async () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const [, config = ""] = /^## A first config\n.*?^```ts\n(.*?)^```/ms.exec(readme) ?? [];
    const hub = await startHub(["nginx:alpine"]);
    onTestFinished(() => hub.registry.stop());
    const folder = tempDir();
    install(folder, "--save-dev", pack(ROOT, tempDir()));
    writeFileSync(join(folder, "fledge.config.ts"), config);
    const server = 'server { listen 80; location / { return 200 "by the first config\\n"; } }';
    writeFileSync(join(folder, "nginx.conf"), `events {} http { ${server} }\n`);

    const variables = Object.entries(hub.env).map(([name, value]) => `${name}=${value}`);
    run(folder, "env", ...variables, "npx", "fledge", "build");
    const manifest = JSON.parse(readFileSync(join(folder, "web.manifest.json"), "utf8"));
    const check = "eventually curl -fsS http://127.0.0.1/; cat /etc/build.json; echo";
    const console = await askDisk(join(folder, "web-rootfs.img"), manifest, check);
    expect(console).toContain('by the first config\n{"version":"1.2.0"}\n');
  });
});

function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
