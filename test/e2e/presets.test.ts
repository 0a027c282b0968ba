import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bootForTest } from "../../src/testing/index.ts";
import type { Manifest } from "../../src/volant/schema.ts";
import { agentSpec, askDisk, compileAgent, requireAgent } from "../helpers/agent.ts";
import { type CliResult, fledge } from "../helpers/cli.ts";
import { bootGuest } from "../helpers/guest.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { project } from "../helpers/project.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

/** The images of the presets, as they name them. */
const IMAGES = "caddy:alpine nginx:alpine node:22-alpine postgres:17-alpine python:3-alpine redis:alpine".split(" ");

let hub: Hub | undefined;
let cache: string;

/** Builds a config that extends a preset by name, on the image that it names; gives back the disk and its workload. */
async function build(preset: string, options: object, files: Record<string, string> = {}) {
  const cwd = project({
    ...files,
    "fledge.config.mjs": `export default {
      name: "app", strategy: "oci_rootfs",
      extends: [["@volantvm/fledge/presets/${preset}", ${JSON.stringify(options)}]],
    };`,
  });
  return await buildIn(cwd);
}

async function buildIn(cwd: string) {
  const env = { ...hub?.env, FLEDGE_CACHE_DIR: cache };
  const result = await fledge(["build", "--verify", "--verify-reproducible", "-v"], { cwd, env });
  expect(result.code, result.stderr).toBe(0);
  const manifest = JSON.parse(readFileSync(join(cwd, "app.manifest.json"), "utf8")) as Manifest;
  const artifact = join(cwd, (manifest.rootfs ?? manifest.initramfs)?.url ?? "");
  return {
    ...result,
    cwd,
    manifest,
    artifact,
    /** What its own boot tests say of it. */
    test: async () => {
      const { code, stdout, stderr } = await fledge(["test", "--skip-build"], { cwd, env });
      expect(code, stdout + stderr).toBe(0);
      return stdout;
    },
    /** Boots it as Volant does, and says what its console showed. */
    run: (check: string) => askDisk(artifact, manifest, check),
  };
}

/** The text of the manifest and of what the build said: where no secret may be. */
function said({ manifest, stdout, stderr }: CliResult & { readonly manifest: Manifest }): string {
  return JSON.stringify(manifest) + stdout + stderr;
}

/** Guests are emulated: one takes minutes where another one runs beside it. */
const BOOTS = { timeout: 3_600_000 };

describeWith(
  "bundled presets",
  [requireAgent(), needsRealImages(), needsRegistry(), requireTools("e2fsck", "npm")],
  () => {
    beforeAll(async () => {
      hub = await startHub(IMAGES);
      cache = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
      return async () => {
        await hub?.registry.stop();
        execFileSync("rm", ["-rf", cache]);
      };
    }, 1_200_000);

    test("nginx serves a folder", BOOTS, async () => {
      const site = await build(
        "nginx",
        { site: "./public", port: 8080, headers: { "X-Made-By": 'fledge "1"' } },
        { "public/index.html": "<h1>site</h1>\n", "public/style.css": "p {}\n" },
      );
      expect(site.manifest.workload.base_url).toBe("http://127.0.0.1:8080");
      const answers = await site.run(`
      eventually curl -fsS http://127.0.0.1:8080/
      curl -fsSI --no-styled-output http://127.0.0.1:8080/style.css
    `);
      expect(answers).toContain("<h1>site</h1>\n");
      expect(answers).toMatch(/^Content-Type: text\/css$/m);
      expect(answers).toMatch(/^X-Made-By: fledge "1"$/m);
    });

    test("caddy serves a folder", BOOTS, async () => {
      const site = await build("caddy", { site: "./public", port: 8080 }, { "public/index.html": "<h1>site</h1>\n" });
      expect(await site.test()).toContain("✔ app: an answer at /");
      await using vm = await bootForTest(join(site.cwd, "app.manifest.json"), { exec: false });
      expect(await (await vm.fetch("/")).text()).toBe("<h1>site</h1>\n");
    });

    test.each(["nginx", "caddy"])("%s passes requests on", BOOTS, async (preset) => {
      const { run } = await build(preset, { proxy: "http://127.0.0.1:81" });
      const answers = await run(`
      echo 'pid /tmp/n.pid; events {} http { server { listen 81; return 200 "behind $uri"; } }' >/tmp/n.conf
      /usr/sbin/nginx -c /tmp/n.conf
      eventually curl -fsS http://127.0.0.1/page; echo
    `);
      expect(answers).toContain("behind /page\n");
    });

    test("redis keeps what it is told, and asks for the password", BOOTS, async () => {
      const built = await build("redis", { port: 7000, password: "s3cret", persist: true, maxMemory: "10mb" });
      expect(said(built)).not.toContain("s3cret");
      const answers = await built.run(`
      eventually redis-cli -p 7000 -a s3cret --no-auth-warning set greeting hello
      redis-cli -p 7000 get greeting
      redis-cli -p 7000 -a s3cret --no-auth-warning config get maxmemory
      find /var/lib/redis -type f
    `);
      expect(answers).toMatch(/NOAUTH.*10485760.*\/var\/lib\/redis\/appendonlydir\//s);
    });

    test("postgres makes its database at the first boot, and keeps it at the second", BOOTS, async () => {
      const built = await build(
        "postgres",
        {
          database: "shop",
          user: "owner",
          password: "it's s3cret",
          initScripts: "./init",
          dataDir: "/srv/pg",
          port: 6000,
        },
        {
          "init/1.sql": "CREATE TABLE item (name text); INSERT INTO item VALUES ('from sql'); SELECT * FROM item;",
          "init/2.sh": `psql -qd shop -c "INSERT INTO item VALUES ('from sh')"`,
        },
      );
      expect(said(built)).not.toContain("s3cret");
      const query = (sql: string) => `PSQL_PAGER= eventually psql -h 127.0.0.1 -p 6000 -U owner -Atc "${sql}" shop`;
      const first = await built.run(`
      export PSQL_PAGER=
      ${query("SELECT 1")}
      ip addr add 10.9.8.7/32 dev lo
      psql -h 127.0.0.1 -p 6000 -U postgres -Atc 'SELECT name FROM item ORDER BY name; ALTER TABLE item OWNER TO owner' shop
      psql -w -h 10.9.8.7 -p 6000 -U owner shop 2>&1 </dev/null
      PGPASSWORD="it's s3cret" psql -h 10.9.8.7 -p 6000 -U owner -Atc "SELECT 'with ' || 'password'" shop
      stat -c 'owned by %U %a' /srv/pg
      su -s /bin/sh -c '/usr/lib/postgresql/15/bin/pg_ctl -D /srv/pg -m fast -w stop' postgres
    `);
      expect(first).toMatch(/^from sh\nfrom sql$/m);
      expect(first).toContain("no password supplied");
      expect(first).toContain("with password\n");
      expect(first).toContain("owned by postgres 700\n");
      const second = await built.run(query("SELECT count(*) || ' rows' FROM item"));
      expect(second).toContain("2 rows\n");
      expect(second).not.toContain("initdb");
    });

    test("node gets its production dependencies and no others", BOOTS, async () => {
      const cwd = project({
        "server/package.json": JSON.stringify({ name: "server", version: "1.0.0" }),
        "server/main.js": `const text = require("needed");
        require("http").createServer((_, answer) => answer.end(text + process.env.NODE_ENV)).listen(process.env.PORT);`,
        "needed/package.json": JSON.stringify({ name: "needed", version: "1.0.0" }),
        "needed/index.js": 'module.exports = "needed in ";',
        "tool/package.json": JSON.stringify({ name: "tool", version: "1.0.0", bin: { tool: "tool.js" } }),
        "tool/tool.js": "#!/usr/bin/env node\n",
        "fledge.config.mjs": `import node from "@volantvm/fledge/presets/node";
        export default { name: "app", strategy: "oci_rootfs", extends: [node({ app: "./server", entry: "main.js" })] };`,
      });
      const npm = (...args: string[]) =>
        execFileSync("npm", [...args, "--install-links", "--offline", "--no-audit", "--no-fund"], {
          cwd: join(cwd, "server"),
          stdio: "pipe",
        });
      npm("install", "../needed");
      npm("install", "--save-dev", "../tool");
      expect(existsSync(join(cwd, "server/node_modules/tool/tool.js"))).toBe(true);
      const built = await buildIn(cwd);
      expect(built.stderr).toContain("node: 1 packages of development are left out");
      expect(await built.test()).toContain("✔ app: port 3000");
      await using vm = await bootForTest(join(built.cwd, "app.manifest.json"), { memoryMb: 512 });
      expect(await (await vm.fetch("/")).text()).toBe("needed in production");
      const { stdout } = await vm.exec(["find", "/srv/app/node_modules", "-mindepth", "1", "-maxdepth", "1"]);
      expect(stdout).toContain("/srv/app/node_modules/needed\n");
      expect(stdout).not.toContain("tool");
    });

    test("python serves a WSGI application with its vendored packages", BOOTS, async () => {
      const built = await build(
        "python",
        { app: "./shop", wsgi: "shop.web:make()" },
        {
          "shop/shop/web.py": `import flask, words
def make():
    app = flask.Flask(__name__)
    app.add_url_rule("/", "index", lambda: words.GREETING)
    return app
`,
          "shop/vendor/words.py": 'GREETING = "hello from vendor"\n',
        },
      );
      expect(await built.test()).toContain("✔ app: port 8000");
      await using vm = await bootForTest(join(built.cwd, "app.manifest.json"), { memoryMb: 512, exec: false });
      expect(await (await vm.fetch("/")).text()).toBe("hello from vendor");
      const failing = build("python", { app: "./app", server: "waitress" }, { "app/app.py": "" });
      await expect(failing).rejects.toThrow(/vendor has waitress.*pip install --target .*vendor waitress/s);
    });
  },
);

describeWith("the preset static-binary", [requireAgent()], () => {
  /** Says who it is, and powers the machine off when it is process 1; otherwise it stays. */
  const PROGRAM = `
    #include <stdio.h>
    #include <unistd.h>
    #include <sys/reboot.h>
    int main(int argc, char **argv) {
      printf("process %d, %s\\n", getpid(), argv[argc - 1]);
      fflush(stdout);
      if (getpid() == 1) { sleep(1); reboot(RB_POWER_OFF); }
      pause();
    }`;

  async function compiled(options: string, more = "", files: Record<string, string> = {}) {
    const cwd = project({
      "program.c": PROGRAM,
      ...files,
      "fledge.config.mjs": `import staticBinary from "@volantvm/fledge/presets/static-binary";
        export default { name: "app", strategy: "initramfs", extends: [staticBinary(${options})], ${more} };`,
    });
    mkdirSync(join(cwd, "build"));
    execFileSync("cc", ["-static", "-o", "build/hello", "program.c"], { cwd });
    compileAgent(join(cwd, "build"));
    cache = tempDir();
    return await buildIn(cwd);
  }

  test("boots into a program that is process 1", BOOTS, async () => {
    const { artifact } = await compiled('{ binary: "./build/hello", as: "init" }');
    await using vm = await bootForTest(artifact, { exec: false });
    await vm.console.waitFor(/^process 1, \/init$/);
    expect(await vm.ended()).toMatchObject({ exit: "poweroff" });
  });

  test("gives the agent a program, which it starts", BOOTS, async () => {
    const workload: Manifest["workload"] = {
      ...{ type: "http", entrypoint: ["/usr/bin/hello", "--loud"], base_url: "http://127.0.0.1:9000" },
    };
    const { artifact, manifest } = await compiled(
      '{ binary: "./build/hello", args: ["--loud"], port: 9000 }',
      `busybox: { path: "/bin/busybox" }, agent: { path: "./build/kestrel" }, mappings: { "./spec": "/etc/kestrel.spec" }`,
      { spec: agentSpec({ workload }, "sleep 1; pidof hello") },
    );
    expect(manifest.workload).toEqual(workload);
    const { console, poweredOff } = await bootGuest({ initrd: artifact, append: "quiet", until: /halting/ });
    const [, pid = "none"] = /^kestrel: workload process started \(pid=(\d+)\)$/m.exec(console) ?? [];
    expect(console).toContain(`process ${pid}, --loud\n`);
    expect(console).toContain(`\n${pid}\ncheck ended with 0\nworkload ended with 15\n`);
    expect(poweredOff).toBe(true);
  });
});

describeWith("the preset debian", [requireAgent(), requireTools("mmdebstrap", "e2fsck")], () => {
  test("makes a root of packages, on which another preset works; twice the same", { timeout: 3_600_000 }, async () => {
    const cwd = project({
      "public/index.html": "<h1>without an image</h1>\n",
      "fledge.config.mjs": `import debian from "@volantvm/fledge/presets/debian";
        import nginx from "@volantvm/fledge/presets/nginx";
        export default { name: "app", strategy: "oci_rootfs",
          extends: [nginx({ site: "./public" }), debian({ packages: ["nginx-light", "iproute2", "curl"] })] };`,
    });
    cache = tempDir();
    const built = await buildIn(cwd);
    const answers = await built.run("eventually curl -fsS http://127.0.0.1/; cat /etc/debian_version");
    expect(answers).toMatch(/^<h1>without an image<\/h1>\n12\.\d+$/m);
    const again = join(tempDir(), "copy", "fledge.config.mjs");
    mkdirSync(join(dirname(again), "public"), { recursive: true });
    for (const file of ["fledge.config.mjs", "public/index.html"]) {
      writeFileSync(join(dirname(again), file), readFileSync(join(cwd, file)));
    }
    const { manifest } = await buildIn(dirname(again));
    expect(manifest.rootfs?.checksum).toBe(built.manifest.rootfs?.checksum);
  });
});
