import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { BuildEvent, BuildResult } from "../../src/index.ts";
import { fledge } from "../helpers/cli.ts";
import { withMount } from "../helpers/disk.ts";
import { busyboxLayout, engineStore } from "../helpers/engine-store.ts";
import { fsck } from "../helpers/ext4.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { bootGuest, requireBoot } from "../helpers/qemu.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url));
const NAMES = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

type Variables = Readonly<Record<string, string>>;

/** What has to be there before an example is built, as its README says; some give variables for the build. */
const PREPARE: Readonly<Record<string, (cwd: string) => Promise<Variables> | undefined>> = {
  dockerfile: busyboxInStore,
  "hello-toml": (cwd) => {
    execFileSync("cc", ["-static", "-O2", "-o", "kestrel", "agent.c"], { cwd });
    return undefined;
  },
  "preset-package": (cwd) => {
    mkdirSync(join(cwd, "node_modules"));
    symlinkSync(fileURLToPath(new URL("../../node_modules/zod", import.meta.url)), join(cwd, "node_modules/zod"));
    return undefined;
  },
  "python-flask": vendorFlask,
};

/** The base of the Dockerfile, where buildah finds it without a registry. */
async function busyboxInStore(): Promise<Variables> {
  const store = engineStore();
  onTestFinished(() => store.remove());
  await store.load(busyboxLayout(tempDir()), "busybox");
  return { ...store.env, BASE_IMAGE: "localhost/busybox" };
}

/** What pip would put into vendor/, from Debian's packages. */
function vendorFlask(cwd: string): undefined {
  mkdirSync(join(cwd, "vendor"));
  for (const name of ["flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous"])
    cpSync(join("/usr/lib/python3/dist-packages", name), join(cwd, "vendor", name), { recursive: true });
}

/** The plugins of an example that is not one of its own name. */
const PLUGINS: Readonly<Record<string, readonly string[]>> = { workspace: ["clock", "hello", "motd"] };

/** Programs that an example runs, beside those of all. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  "custom-imager": ["zstd"],
  "custom-source-debian": ["mmdebstrap"],
  dockerfile: ["buildah", "skopeo"],
};

const LONG = { timeout: 600_000 };

type Built = { readonly folder: string; readonly files: readonly string[]; readonly results: readonly BuildResult[] };

describeWith(
  "the examples",
  [
    requireTools("cc", "busybox", "e2fsck", ...Object.values(TOOLS).flat()),
    requireBoot(),
    needsRealImages(),
    needsRegistry(),
  ],
  () => {
    let hub: Hub;
    beforeAll(async () => {
      hub = await startHub();
    }, 1_200_000);
    afterAll(() => hub.registry.stop());

    /** Builds a copy of the example, as somebody who took it over would. */
    async function build(example: string, ...flags: readonly string[]): Promise<Built> {
      const cwd = join(tempDir(), example);
      cpSync(join(EXAMPLES, example), cwd, { recursive: true });
      const variables = await PREPARE[example]?.(cwd);
      const folder = tempDir();
      const { code, stdout, stderr } = await fledge(
        ["build", cwd, "-o", `${folder}/`, "--verify", "--json", ...flags],
        {
          env: { ...hub.env, ...variables },
        },
      );
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
      const events = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as BuildEvent);
      const results = events.flatMap((event) => (event.type === "build:done" ? [event.result] : []));
      return { folder, files: readdirSync(folder).sort(), results };
    }

    /** The same of an example that is one plugin. */
    async function buildOne(example: string): Promise<Built & { readonly result: BuildResult }> {
      const built = await build(example);
      const [result] = built.results;
      if (result === undefined) throw new Error(`${example} made nothing`);
      return { ...built, result };
    }

    test.each(NAMES)("%s is built twice the same, and Volant accepts its manifest", LONG, async (example) => {
      const { files, results } = await build(example, "--verify-reproducible");
      expect(results.map(({ name }) => name)).toEqual(PLUGINS[example] ?? [example]);
      const made = results.flatMap(({ artifact, manifest }) => [artifact.path, manifest?.path ?? []].flat());
      expect(files).toEqual(made.map((path) => basename(path)).sort());
      for (const path of made.filter((file) => file.endsWith("-rootfs.img"))) fsck(path);
      const manifests = made.filter((file) => file.endsWith(".manifest.json"));
      if (manifests.length > 0) expect(await fledge(["check", ...manifests])).toMatchObject({ code: 0, stderr: "" });
    });

    test.each(NAMES)("%s has a README that says how to build it", (example) => {
      const text = readFileSync(join(EXAMPLES, example, "README.md"), "utf8");
      expect(text.split("\n")[0]).toBe(`# ${example}`);
      expect(text).toContain(`npx fledge build examples/${example}`);
    });

    test("generated-files has what its hook made", async () => {
      const { result, folder } = await buildOne("generated-files");
      expect(result.facts).toEqual({ commit: "unknown" });
      const image = join(folder, "generated-files-rootfs.img");
      const debugfs = (command: string): string =>
        execFileSync("debugfs", ["-R", command, image], { encoding: "utf8" });
      expect(debugfs("cat /srv/www/index.html")).toContain("<p>Built for production from unknown.</p>");
      expect(debugfs("cat /etc/build-info.env")).toBe(
        "name=generated-files\nversion=1.0.0\nmode=production\ncommit=unknown\n",
      );
      expect(debugfs("cat /etc/passwd")).toContain("\nwww:*:100:100::/srv/www:/bin/false\n");
      // VFS_CAP_REVISION_2 with the effective bit, and bit 10 of the permitted set (linux/capability.h)
      expect(debugfs("ea_get -x /usr/bin/httpd security.capability")).toMatch(/01 ?00 ?00 ?02 ?00 ?04 ?00 ?00/);
    });

    test("custom-stage says what its stages did, and boots with what they made", async () => {
      const { result, folder } = await buildOne("custom-stage");
      expect(result.facts).toEqual({ release: "custom-stage 1.0.0", "content-mib": expect.any(Number) });
      expect(result.stages.map(({ stage }) => stage)).toEqual(expect.arrayContaining(["os-release", "size-budget"]));
      const { console, poweredOff } = await bootGuest({ initrd: join(folder, "custom-stage.cpio.gz") });
      expect(console).toContain("custom-stage: this guest is custom-stage 1.0.0\n");
      expect(poweredOff).toBe(true);
    });

    test("custom-init boots, and both of its services run", async () => {
      const { folder } = await build("custom-init");
      const initrd = join(folder, "custom-init.cpio.gz");
      const { console } = await bootGuest({ initrd, until: /two services<\/h1>/ });
      expect(console).toContain("custom-init: running as PID 1\n");
      expect(console).toContain("custom-init: <h1>Hello from two services</h1>");
    });

    test("hello boots, mounts, and serves the page that its hook made", async () => {
      const { folder } = await build("hello");
      const { console } = await bootGuest({ initrd: join(folder, "hello.cpio.gz"), until: /commands<\/p>/ });
      expect(console).toMatch(/hello: serving on port 8080: <h1>Hello from hello 1\.0\.0<\/h1><p>\d{3} commands<\/p>/);
    });

    test("hello-toml boots into its agent, which runs the workload", async () => {
      const { folder } = await build("hello-toml");
      const manifest = JSON.parse(readFileSync(join(folder, "hello-toml.manifest.json"), "utf8"));
      expect(manifest).toMatchObject({
        version: "0.3.0",
        workload: {
          entrypoint: ["/usr/bin/greet"],
          env: { GREETING: "Good morning" },
          base_url: "http://127.0.0.1:8080",
        },
      });
      const { console, poweredOff } = await bootGuest({ initrd: join(folder, "hello-toml.cpio.gz") });
      expect(console).toContain("agent: started as PID 1\n");
      expect(console).toContain("from <h1>Hello from TOML</h1>\nagent: the workload ended with status 0\n");
      expect(poweredOff).toBe(true);
    });

    test("preset-package boots into the page that its preset makes", async () => {
      const { folder } = await build("preset-package");
      const initrd = join(folder, "preset-package.cpio.gz");
      const { console } = await bootGuest({ initrd, until: /<\/ul>/ });
      expect(console).toContain("<h1>Monday</h1>\n<ul>\n<li>The lift works again.\n</li></ul>");
    });

    test("static-binary boots with nothing but its own program", async () => {
      const { folder } = await build("static-binary");
      const { console, poweredOff } = await bootGuest({ initrd: join(folder, "static-binary.cpio.gz") });
      expect(console).toContain("static-binary: hello from PID 1\n");
      expect(poweredOff).toBe(true);
    });

    test("python-flask has an application that answers", async () => {
      const { folder } = await build("python-flask");
      await withMount(join(folder, "python-flask-rootfs.img"), "rw", (mounted) => {
        const script = 'import flask, server; print(flask.__file__); print(server.app.test_client().get("/").text)';
        const env = { ...process.env, PYTHONPATH: "/opt/vendor:/opt/app", PYTHONDONTWRITEBYTECODE: "1" };
        const said = execFileSync("chroot", [mounted, "/usr/local/bin/python", "-c", script], {
          env,
          encoding: "utf8",
        });
        expect(said).toBe("/opt/vendor/flask/__init__.py\nHello from a microVM\n");
      });
    });
  },
);
