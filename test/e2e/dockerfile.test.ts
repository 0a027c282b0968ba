import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type BuildOptions, build, tryBuild } from "../helpers/builds.ts";
import { fledge } from "../helpers/cli.ts";
import { run } from "../helpers/disk.ts";
import { busyboxLayout, type EngineStore, engineStore } from "../helpers/engine-store.ts";
import { project } from "../helpers/project.ts";
import { debianLayout, needsRealImages } from "../helpers/real-images.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const ENGINES = ["buildah", "podman"] as const;
const SECRETS = { TOKEN: "the-secret-of-the-environment", npm: "the-secret-of-the-file" };

const DOCKERFILE = `
ARG BASE=scratch
FROM \${BASE} AS build
ARG VERSION=none
RUN --mount=type=secret,id=npm --mount=type=secret,id=token \\
    cat /run/secrets/npm /run/secrets/token | wc -c >/out && cat /run/secrets/npm && echo "version $VERSION" >>/out
FROM \${BASE} AS app
COPY --from=build /out /srv/out
COPY site /srv/site
USER 33
EXPOSE 8080
ENTRYPOINT ["/bin/httpd", "-f"]
FROM app AS debug
USER 0
RUN touch /srv/debug
`;

const FILES = {
  "docker/app.Dockerfile": DOCKERFILE,
  "site/index.html": "<h1>hello</h1>\n",
  ".npmrc": `${SECRETS.npm}\n`,
};

const source = {
  dockerfile: "docker/app.Dockerfile",
  context: ".",
  target: "app",
  buildArgs: { BASE: "localhost/base", VERSION: "a-version" },
  secrets: { npm: { file: ".npmrc" }, token: { env: "TOKEN" } },
};

describeWith("a Dockerfile", [requireRoot(), requireTools(...ENGINES, "skopeo", "busybox", "debugfs", "cpio")], () => {
  let store: EngineStore;
  beforeAll(async () => {
    store = engineStore();
    const folder = join(store.env.CONTAINERS_STORAGE_CONF ?? "", "../base");
    await store.load(busyboxLayout(folder), "base");
  });
  afterAll(() => store.remove());

  const options = (more: BuildOptions = {}): BuildOptions => ({
    args: ["-v"],
    ...more,
    env: { ...store.env, TOKEN: SECRETS.TOKEN, ...more.env },
  });
  const disk = (more: object = {}) => ({ name: "web", strategy: "oci_rootfs", source: { ...source, ...more } });
  const fileOf = (image: string, path: string): string => run("debugfs", ["-R", `cat ${path}`, image]);

  it.each(ENGINES)("is built by %s, and its secrets are nowhere", { timeout: 120_000 }, async (builder) => {
    const cwd = project(FILES);
    const FLEDGE_CACHE_DIR = tempDir();
    const buildArgs = { ...source.buildArgs, VERSION: `of ${builder}` };
    const recipe = disk({ builder, buildArgs });
    const built = await build("web", recipe, options({ cwd, env: { FLEDGE_CACHE_DIR } }));
    const sum = FILES[".npmrc"].length + SECRETS.TOKEN.length;
    expect(fileOf(built.artifact, "/srv/out")).toBe(`${sum}\nversion of ${builder}\n`);
    expect(fileOf(built.artifact, "/srv/site/index.html")).toBe(FILES["site/index.html"]);
    expect(fileOf(built.artifact, "/srv/debug")).toBe("");
    expect(built.manifest).toMatchObject({
      image: "docker/app.Dockerfile",
      image_digest: expect.stringMatching(/^sha256:/),
      workload: { entrypoint: ["/bin/httpd", "-f"], base_url: "http://127.0.0.1:8080" },
    });
    expect(built.stderr).toContain(`docker/app.Dockerfile is built by ${builder}`);
    expect(built.stderr).toMatch(/^ {2}\*\*\*$/m); // the RUN that prints a secret
    for (const secret of Object.values(SECRETS)) {
      expect(built.stderr + built.stdout).not.toContain(secret);
      expect(grep(secret, FLEDGE_CACHE_DIR, built.artifact, `${built.folder}/web.manifest.json`)).toBe("");
      expect(grep(secret, join(store.env.CONTAINERS_STORAGE_CONF ?? "", "../graph"))).toBe("");
    }
    expect(readdirSync(join(FLEDGE_CACHE_DIR, "staging"))).toEqual([]);
    expect(await store.buildah("containers", "--quiet")).toEqual([]);

    const again = await build("web", recipe, options({ cwd }));
    expect(again.stderr).toContain("Using cache");
    expect(again.digest()).toBe(built.digest());
  });

  it.each(ENGINES)("is built anew by %s for another build argument", { timeout: 120_000 }, async (builder) => {
    const cwd = project({
      Dockerfile: `FROM localhost/base\nLABEL once=${builder}\nCOPY f /f\nARG V=none\nENV V=$V\nLABEL v=$V\nWORKDIR /srv/$V\nEXPOSE 80\nCMD ["/bin/httpd", "-f"]\n`,
      f: "",
    });
    const before = await store.buildah("images", "--all", "--quiet");
    for (const V of ["1.0.0", "2.0.0", "1.0.0"]) {
      const recipe = { strategy: "oci_rootfs", source: { dockerfile: "Dockerfile", builder, buildArgs: { V } } };
      const { manifest } = await build("web", { name: "web", ...recipe }, options({ cwd }));
      expect(manifest.workload).toMatchObject({ env: { V }, workdir: `/srv/${V}` });
    }
    expect((await store.buildah("images", "--all", "--quiet")).sort()).toEqual(before.sort());
  });

  it.each(ENGINES)(
    "is built by %s, whatever its path, context and secrets are called",
    { timeout: 120_000 },
    async (builder) => {
      for (const name of ["Acme, Inc", 'say "hi"', "a=b;c", " é ü ", "x'y$z"]) {
        const cwd = project({
          [`${name}/app, ${name}.Dockerfile`]:
            'FROM localhost/base\nRUN --mount=type=secret,id=key wc -c </run/secrets/key >/size\nCOPY f /f\nEXPOSE 80\nCMD ["/bin/httpd", "-f"]\n',
          [`${name}/f`]: name,
          [`${name}/key, 1`]: "12345678",
        });
        const dockerfile = `${name}/app, ${name}.Dockerfile`;
        const recipe = { dockerfile, builder, secrets: { key: { file: `${name}/key, 1` } } };
        const FLEDGE_CACHE_DIR = join(tempDir(), "a:b, c=d");
        const built = await build(
          "web",
          { name: "web", strategy: "oci_rootfs", source: recipe },
          options({ cwd, env: { FLEDGE_CACHE_DIR } }),
        );
        expect(fileOf(built.artifact, "/f")).toBe(name);
        expect(fileOf(built.artifact, "/size").trim()).toBe("8");
      }
    },
  );

  it("is the base of an initramfs, by the fledge.toml that people have", async () => {
    const agent = join(project({ kestrel: "" }), "kestrel");
    execFileSync("cp", ["/bin/busybox", agent]);
    const toml = `
      version = "1"
      strategy = "initramfs"
      [agent]
      source_strategy = "local"
      path = "${agent}"
      [source]
      busybox_url = "file:///bin/busybox"
      dockerfile = "./Dockerfile"
      context = "./app"
      target = "app"
      build_args = { BASE = "localhost/base" }
    `;
    const dockerfile = DOCKERFILE.replace(/^RUN.*?\/out$/ms, "RUN date >/out");
    const cwd = project({
      Dockerfile: dockerfile,
      "app/site/index.html": "of the context",
      "manifest.toml": 'name = "web"',
    });
    const built = await build("web", toml, options({ cwd }));
    const listing = run("sh", ["-c", `gzip -dc ${built.artifact} | cpio -it --quiet`]).split("\n");
    expect(listing).toEqual(expect.arrayContaining(["srv/out", "srv/site/index.html", "bin/kestrel", "init"]));
    expect(built.manifest.workload.entrypoint).toEqual(["/bin/httpd", "-f"]);
  });

  it.each(ENGINES)("that fails in %s: the end of what it said, and nothing left", async (builder) => {
    const FLEDGE_CACHE_DIR = tempDir();
    const cwd = project({ Dockerfile: "FROM localhost/base\nRUN echo the reason >&2; cat /none; exit 7\n" });
    const recipe = { name: "web", strategy: "oci_rootfs", source: { dockerfile: "Dockerfile", builder } };
    const { code, stderr } = await tryBuild(recipe, options({ cwd, env: { FLEDGE_CACHE_DIR }, args: [] }));
    expect(code).toBe(1);
    expect(stderr).toContain(`error ${builder} could not build Dockerfile:\n`);
    expect(stderr).toContain("the reason\n");
    expect(stderr).toContain("exit status 7");
    expect(readdirSync(cwd).sort()).toEqual(["Dockerfile", "fledge.config.mjs"]);
    expect(readdirSync(join(FLEDGE_CACHE_DIR, "staging"))).toEqual([]);
    expect(await store.buildah("containers", "--quiet")).toEqual([]);
  });

  it.each(
    ENGINES.flatMap((builder) => [
      { builder, phase: "RUN", when: /^ {2}started$/m },
      { builder, phase: "COPY", when: /STEP 4\/4: COPY/ },
    ]),
  )("$builder is stopped by Ctrl-C in $phase, and nothing is left", async ({ builder, when }) => {
    const FLEDGE_CACHE_DIR = tempDir();
    const wait = when.source.includes("started") ? "echo started; sleep 50.5" : "true";
    const dockerfile = `FROM localhost/base\nRUN echo ${builder}${when.source.length} >/x\nRUN ${wait}\nCOPY . /srv/\n`;
    const cwd = project({ Dockerfile: dockerfile });
    execFileSync("sh", ["-c", "i=0; while [ $i -lt 60 ]; do cp /bin/busybox busy$i; i=$((i+1)); done"], { cwd });
    const named = await store.buildah("images", "--quiet", "--filter", "dangling=false");
    const recipe = { name: "web", strategy: "oci_rootfs", source: { dockerfile: "Dockerfile", builder } };
    const interrupt = { when, signal: "SIGINT" } as const;
    const { code, stderr } = await tryBuild(recipe, options({ cwd, env: { FLEDGE_CACHE_DIR }, interrupt }));
    expect(code, stderr).toBe(130);
    expect(readdirSync(cwd)).not.toContain("web-rootfs.img");
    expect(readdirSync(join(FLEDGE_CACHE_DIR, "staging"))).toEqual([]);
    expect(await store.buildah("containers", "--quiet")).toEqual([]);
    expect(await store.buildah("images", "--quiet", "--filter", "dangling=false")).toEqual(named);
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("sleep 50.5");
  });

  it("gives the same bytes twice where SOURCE_DATE_EPOCH says what the time is", { timeout: 120_000 }, async () => {
    const env = { SOURCE_DATE_EPOCH: "1700000000" };
    const digests: string[] = [];
    for (let i = 0; i < 2; i++) {
      const other = engineStore();
      onTestFinished(() => other.remove());
      const folder = join(other.env.CONTAINERS_STORAGE_CONF ?? "", "../base");
      await other.load(busyboxLayout(folder), "base");
      const { digest } = await build("web", disk(), options({ cwd: project(FILES), env: { ...other.env, ...env } }));
      digests.push(digest());
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it("needs no config on the command line", { timeout: 120_000 }, async () => {
    const cwd = project({ ...FILES, "web/Dockerfile": DOCKERFILE.replaceAll("COPY site", "COPY index.html") });
    writeFileSync(join(cwd, "web/index.html"), "of the folder");
    const secrets = ["--secret", "id=npm,src=.npmrc", "--secret=id=token,env=TOKEN"];
    const args = [
      "web/Dockerfile",
      "--build-arg",
      "BASE=localhost/base",
      "--build-arg=VERSION=of the flag",
      ...secrets,
    ];
    const all = ["build", ...args, "--target", "debug", "--builder", "buildah", "--verify"];
    const { code, stderr } = await fledge([...all, "-o", "out/disk.img"], { cwd, env: options().env ?? {} });
    expect(code, stderr).toBe(0);
    expect(readdirSync(join(cwd, "out")).sort()).toEqual(["disk.img", "disk.manifest.json"]);
    expect(fileOf(join(cwd, "out/disk.img"), "/srv/out")).toContain("version of the flag\n");
    expect(JSON.parse(readFileSync(join(cwd, "out/disk.manifest.json"), "utf8"))).toMatchObject({ name: "web" });
  });

  it.each(["podman", "buildah", "skopeo"])("an image of their store is read by %s", async (reader) => {
    const PATH = tempDir();
    for (const tool of [reader, "sh"]) execFileSync("ln", ["-s", run("which", [tool]).trim(), join(PATH, tool)]);
    const recipe = {
      strategy: "oci_rootfs",
      source: { image: "containers-storage:localhost/base" },
      manifest: { workload: { entrypoint: ["/bin/httpd"], baseUrl: "http://127.0.0.1:80" } },
    };
    const built = await build("base", recipe, options({ env: { PATH } }));
    expect(fileOf(built.artifact, "/etc/passwd")).toBe("root:x:0:0::/:/bin/sh\n");
    const absent = { ...recipe, name: "no", source: { image: "containers-storage:localhost/absent" } };
    const { code, stderr } = await tryBuild(absent, options({ env: { PATH }, args: [] }));
    expect(code).toBe(1);
    expect(stderr).toContain(`${reader} could not save containers-storage:localhost/absent:\n`);
  });
});

describeWith("a Dockerfile on Debian", [needsRealImages(), requireTools("debugfs")], () => {
  it("installs packages", { timeout: 600_000 }, async () => {
    const store = engineStore();
    try {
      await store.load(`${await debianLayout()}:latest`, "debian");
      const cwd = project({
        Dockerfile: `
          FROM localhost/debian
          RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
          ENTRYPOINT ["tini", "--", "sleep", "infinity"]
          EXPOSE 80`,
      });
      const recipe = { name: "tini", strategy: "oci_rootfs", source: { dockerfile: "Dockerfile", builder: "buildah" } };
      const { artifact, stderr } = await build("tini", recipe, { cwd, env: { ...store.env }, args: ["-v"] });
      expect(run("debugfs", ["-R", "stat /usr/bin/tini", artifact])).toContain("Type: regular");
      expect(stderr).toContain("Setting up tini");
    } finally {
      store.remove();
    }
  });
});

/** The files below the paths that contain a text, and how grep itself fared. */
function grep(text: string, ...paths: readonly string[]): string {
  return execFileSync("sh", ["-c", 'grep -rlaF -- "$@" || [ $? = 1 ]', "grep", text, ...paths], { encoding: "utf8" });
}
