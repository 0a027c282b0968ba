import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { BootTestEvent, BuildEvent, BuildResult } from "../../src/index.ts";
import { fledge } from "../helpers/cli.ts";
import { busyboxLayout, engineStore } from "../helpers/engine-store.ts";
import { wrongOrigins } from "../helpers/example-origins.ts";
import { fsck } from "../helpers/ext4.ts";
import { requireBoot } from "../helpers/guest.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
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
  // Debian's nginx has its default site elsewhere.
  "oci-nginx": (cwd) => {
    const config = join(cwd, "fledge.config.ts");
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace("/etc/nginx/conf.d/default.conf", "/etc/nginx/sites-enabled/default"));
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

/** What has no guest: Volant cannot boot its artifact. */
const NO_GUEST = "custom-imager";

const LONG = { timeout: 600_000 };

/** Guests are emulated: one takes minutes where another one runs beside it. */
const BOOTS = { timeout: 1_800_000 };

type Built = {
  readonly cwd: string;
  readonly cacheDir: string;
  readonly folder: string;
  readonly files: readonly string[];
  readonly results: readonly BuildResult[];
};

function eventsIn<Event>(stdout: string): Event[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);
}

describeWith(
  "the examples",
  [
    requireTools("cc", "busybox", "e2fsck", "python3", ...Object.values(TOOLS).flat()),
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

    /** A copy of the example, as somebody has it who took it over. */
    async function copyOf(example: string) {
      const cwd = join(tempDir(), example);
      cpSync(join(EXAMPLES, example), cwd, { recursive: true });
      return { cwd, env: { ...hub.env, ...(await PREPARE[example]?.(cwd)) } };
    }

    async function build(example: string, ...flags: readonly string[]): Promise<Built> {
      const { cwd, env: prepared } = await copyOf(example);
      const [folder, cacheDir] = [tempDir(), tempDir()];
      const env = { ...prepared, FLEDGE_CACHE_DIR: cacheDir };
      const args = ["build", cwd, "-o", `${folder}/`, "--verify", "--json", ...flags];
      const { code, stdout, stderr } = await fledge(args, { env });
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
      const results = eventsIn<BuildEvent>(stdout).flatMap((event) =>
        event.type === "build:done" ? [event.result] : [],
      );
      return { cwd, cacheDir, folder, files: readdirSync(folder).sort(), results };
    }

    /** The same of an example that is one plugin. */
    async function buildOne(example: string): Promise<Built & { readonly result: BuildResult }> {
      const built = await build(example);
      const [result] = built.results;
      if (result === undefined) throw new Error(`${example} made nothing`);
      return { ...built, result };
    }

    const TWICE = "%s is built twice the same, Volant accepts its manifest, and each path is from who has put it there";
    test.each(NAMES)(TWICE, LONG, async (example) => {
      const { cwd, cacheDir, files, results } = await build(example, "--verify-reproducible");
      // In the order in which they were done.
      expect(results.map(({ name }) => name).sort()).toEqual(PLUGINS[example] ?? [example]);
      const made = results.flatMap(({ artifact, manifest }) => [artifact.path, manifest?.path ?? []].flat());
      expect(files).toEqual(made.map((path) => basename(path)).sort());
      for (const path of made.filter((file) => file.endsWith("-rootfs.img"))) fsck(path);
      const manifests = made.filter((file) => file.endsWith(".manifest.json"));
      if (manifests.length > 0) expect(await fledge(["check", ...manifests])).toMatchObject({ code: 0, stderr: "" });
      for (const result of results) expect(await wrongOrigins(result, { name: example, cwd, cacheDir })).toEqual([]);
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

    test("custom-stage says what its stages did", async () => {
      const { result } = await buildOne("custom-stage");
      expect(result.facts).toEqual({ release: "custom-stage 1.0.0", "content-mib": expect.any(Number) });
      expect(result.stages.map(({ stage }) => stage)).toEqual(expect.arrayContaining(["os-release", "size-budget"]));
    });

    test.each(NAMES.filter((name) => name !== NO_GUEST))(
      "%s boots, and passes its own tests",
      BOOTS,
      async (example) => {
        const { cwd, env } = await copyOf(example);
        const { code, stdout, stderr } = await fledge(["test", cwd, "--json"], { env });
        expect(code, stdout.slice(-4000) + stderr).toBe(0);
        const done = eventsIn<BootTestEvent>(stdout).filter(({ type }) => type === "test:done");
        expect(done.map((event) => event.plugin)).toEqual(PLUGINS[example] ?? [example]);
      },
    );

    test("hello-toml says in its manifest what its two files say", async () => {
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
    });
  },
);
