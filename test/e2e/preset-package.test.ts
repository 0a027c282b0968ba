import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";
import { instantiateTemplate } from "../helpers/template.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };

/** Runs npm or a program that it installed, and returns what it said; throws with all of it. */
function run(cwd: string, program: string, ...args: string[]): string {
  const env = { ...process.env, FLEDGE_CACHE_DIR: join(cwd, "cache"), NODE_OPTIONS: "" };
  try {
    return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  }
}

/** Packs a package; what it needs built is built already. */
function pack(folder: string, into: string): string {
  const [packed] = JSON.parse(run(folder, "npm", "pack", "--ignore-scripts", "--json", "--pack-destination", into));
  return join(into, packed.filename);
}

const install = (cwd: string, ...packages: string[]) =>
  run(cwd, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", ...packages);

describeWith("a preset as a package", [requireTools("npm", "busybox")], () => {
  let fledge: string;
  beforeAll(() => {
    const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
    fledge = pack(ROOT, folder);
    return () => execFileSync("rm", ["-r", folder]);
  });

  test("begins with the template, is tested, packed, installed and extended", async () => {
    const author = tempDir();
    // From the tarball: npm must not have dropped or renamed anything.
    const unpacked = tempDir();
    run(unpacked, "tar", "-xf", fledge);
    const files = instantiateTemplate(join(unpacked, "package/templates/preset"), author, {
      name: "fledge-preset-hello",
      fledgeVersion: version,
    });
    expect(files).toEqual([
      ".gitignore",
      "README.md",
      "files/motd",
      "package.json",
      "src/index.ts",
      "test/preset.test.ts",
      "tsconfig.build.json",
      "tsconfig.json",
    ]);
    install(author, "--save-dev", fledge);
    run(author, "npm", "run", "types");
    expect(run(author, "npm", "test")).toMatch(/^# pass 3$/m);
    run(author, "npm", "run", "build");
    const packed = JSON.parse(readFileSync(join(author, "package.json"), "utf8"));
    expect(packed).toMatchObject({ keywords: ["fledge-preset"], peerDependencies: { fledge: `^${version}` } });

    const user = project({
      "package.json": JSON.stringify({ name: "app", private: true, type: "module" }),
      "public/index.html": "<h1>hello</h1>\n",
      "fledge.config.ts": `import { definePlugin } from "fledge";
        import hello from "fledge-preset-hello";
        export default definePlugin({
          name: "app", strategy: "initramfs", init: { none: true }, busybox: { path: "/bin/busybox" },
          extends: [hello({ greeting: "Hi", content: "./public" }), "./named.ts"],
          hooks: { "rootfs:ready": ({ rootfs }) => rootfs.symlink("/bin/busybox", "/init") },
          manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
        });`,
      "named.ts": `import { definePreset } from "fledge";
        export default definePreset({ meta: { name: "named" }, extends: ["fledge-preset-hello"], version: "4.5.6" });`,
    });
    install(user, fledge, pack(author, user));
    run(user, "npx", "fledge", "build", "--verify");
    const manifest = JSON.parse(readFileSync(join(user, "app.manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "app", version: "4.5.6" });
    const guest = join(user, "guest");
    run(
      user,
      "sh",
      "-c",
      `mkdir guest; cd guest; zcat ../${manifest.initramfs.url} | cpio -id --quiet --no-preserve-owner`,
    );
    expect(readFileSync(join(guest, "etc/motd"), "utf8")).toBe(
      "Welcome\nHi\nThis machine was built by fledge, with fledge-preset-hello.\n",
    );
    expect(readFileSync(join(guest, "srv/content/index.html"), "utf8")).toBe("<h1>hello</h1>\n");

    writeFileSync(
      join(user, "fledge.config.mjs"),
      'export default { strategy: "initramfs", extends: "fledge/presets/ngin" };',
    );
    expect(() => run(user, "npx", "fledge", "plan", "-c", "fledge.config.mjs")).toThrow(/did you mean "nginx"\?/);
    const listed = run(user, "npx", "fledge", "presets", "nginx");
    expect(listed).toContain('import nginx from "fledge/presets/nginx"');
  }, 300_000);
});
