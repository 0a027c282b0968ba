import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256 } from "../../src/lib/digest.ts";
import type { Manifest } from "../../src/volant/schema.ts";
import { fledge } from "../helpers/cli.ts";
import { withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { httpServer, json } from "../helpers/file-server.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { expectSameMigrated } from "../helpers/migrated.ts";
import { project } from "../helpers/project.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { typeCheck } from "../helpers/type-check.ts";

// What the users of the Go original have, as it stands. Docker Hub and GitHub are servers of the test's, by the
// environment; images of the same names are on the one, a release of the agent on the other.

const README_NGINX = `[plugin]
name = "nginx"
strategy = "oci_rootfs"

[oci_source]
image = "nginx:alpine"
`;

const README_INITRAMFS = `version = "1"
strategy = "initramfs"

[agent]
source_strategy = "release"
version = "latest"

[source]
busybox_url = "BUSYBOX"
busybox_sha256 = "SHA256"

[mappings]
"./myapp" = "/usr/bin/myapp"
`;

function flat(image: string, { bufferMb, preallocate }: { bufferMb: number; preallocate: boolean }, more = ""): string {
  return `version = "1"
strategy = "oci_rootfs"

[agent]
source_strategy = "release"
version = "latest"

[source]
image = "${image}"

[filesystem]
type = "ext4"
size_buffer_mb = ${bufferMb}
preallocate = ${preallocate}
${more}`;
}

const POSTGRES_MANIFEST = `schema_version = "v1"
name = "postgres"
version = "15.0.0"
runtime = "postgres"

[resources]
cpu_cores = 2
memory_mb = 1024

[workload]
entrypoint = "/usr/local/bin/docker-entrypoint.sh"
args = ["postgres"]

[env]
POSTGRES_PASSWORD = "changeme"
POSTGRES_USER = "postgres"
POSTGRES_DB = "postgres"
PGDATA = "/var/lib/postgresql/data"

[network]
mode = "bridged"

[[network.expose]]
port = 5432
protocol = "tcp"
`;

const FLASK_MANIFEST = `schema_version = "v1"
name = "flask-app"
version = "1.0.0"
runtime = "python-flask"

[resources]
cpu_cores = 1
memory_mb = 512

[workload]
entrypoint = "/usr/local/bin/python"
args = ["/opt/app/server.py"]

[env]
FLASK_APP = "/opt/app/server.py"
PYTHONUNBUFFERED = "1"

[network]
mode = "bridged"

[[network.expose]]
port = 5000
protocol = "tcp"
`;

const FLASK_MAPPINGS = `
[mappings]
"payload/app" = "/opt/app"
"payload/static" = "/var/www/static"
`;

const SERVER_PY = `from flask import Flask
app = Flask(__name__)

@app.get("/")
def hello():
    return "hello"
`;

const MIB = 1024 * 1024;
const KESTREL = fileURLToPath(new URL("../helpers/kestrel.c", import.meta.url));

describeWith(
  "the original's examples, as they stand",
  [needsRealImages(), needsRegistry(), requireTools("cc", "e2fsck", "busybox")],
  () => {
    let folder: string;
    let hub: Hub;
    let kestrel: Buffer;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "fledge-original-"));
      execFileSync("cc", ["-static", "-O2", "-o", join(folder, "kestrel"), KESTREL]);
      kestrel = readFileSync(join(folder, "kestrel"));
      hub = await startHub();
    }, 1_200_000);
    const migrated: string[] = [];
    afterAll(() => typeCheck(migrated));
    afterAll(async () => {
      rmSync(folder, { recursive: true, force: true });
      await hub.registry.stop();
    });

    async function build(name: string, files: Record<string, string>, below = ".") {
      const github = await httpServer({
        "/repos/volantvm/volant/releases/latest": ({ headers }, response) =>
          json({
            tag_name: "v0.6.5",
            assets: [{ name: "kestrel", browser_download_url: `http://${headers.host}/kestrel` }],
          })({ headers } as never, response),
        "/kestrel": (_, response) => response.end(kestrel),
      });
      const cwd = join(project(files), below);
      const env = {
        ...hub.env,
        GITHUB_API_URL: github.origin,
        FLEDGE_CACHE_DIR: join(folder, "cache"),
      };
      migrated.push(await expectSameMigrated(cwd));
      const { code, stderr } = await fledge(["build", "--verify"], { cwd, env });
      expect(code, stderr).toBe(0);
      const manifest = JSON.parse(readFileSync(join(cwd, `${name}.manifest.json`), "utf8")) as Manifest;
      const artifact = join(cwd, manifest.rootfs?.url ?? manifest.initramfs?.url ?? "");
      return { cwd, manifest, artifact, stderr };
    }

    test("nginx:alpine in five lines", async () => {
      const { manifest, artifact } = await build("nginx", { "fledge.toml": README_NGINX });
      expect(artifact).toMatch(/nginx-rootfs\.img$/);
      expect(manifest).toMatchObject({
        image: "nginx:alpine",
        workload: { entrypoint: ["/usr/sbin/nginx", "-g", "daemon off;"], base_url: "http://127.0.0.1:80" },
      });
      fsck(artifact);
    });

    test("the minimal initramfs, its BusyBox from a file of this machine", async () => {
      const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
      const toml = README_INITRAMFS.replace("BUSYBOX", `file://${busybox}`).replace(
        "SHA256",
        sha256(readFileSync(busybox)).slice("sha256:".length),
      );
      const files = { "myapp/fledge.toml": toml, "myapp/myapp": "#!/bin/sh\necho hi\n" };
      const { manifest, artifact } = await build("myapp", files, "myapp");
      expect(manifest.workload.entrypoint).toEqual(["/usr/bin/myapp"]);
      expect(readFileSync(artifact).length).toBeGreaterThan(MIB);
    });

    test("nginx, with room and the agent", async () => {
      const toml = flat("nginx:alpine", { bufferMb: 100, preallocate: false });
      const { artifact } = await build("nginx", { "fledge.toml": toml });
      await withMount(artifact, "ro", (mounted) => {
        expect(readFileSync(join(mounted, "bin/kestrel")).equals(kestrel)).toBe(true);
        expect(freeBytes(mounted)).toBeGreaterThanOrEqual(100 * MIB);
        expect(freeBytes(mounted)).toBeLessThan(116 * MIB);
      });
    });

    test("postgres, preallocated", async () => {
      const toml = flat("postgres:15-alpine", { bufferMb: 200, preallocate: true });
      const { artifact, manifest } = await build("postgres", {
        "fledge.toml": toml,
        "manifest.toml": POSTGRES_MANIFEST,
      });
      expect(manifest).toMatchObject({
        version: "15.0.0",
        resources: { cpu_cores: 2, memory_mb: 1024 },
        network: { mode: "bridged" },
        workload: {
          entrypoint: ["/usr/local/bin/docker-entrypoint.sh", "postgres"],
          base_url: "http://127.0.0.1:5432",
          env: { POSTGRES_PASSWORD: "changeme", PGDATA: "/var/lib/postgresql/data" },
        },
      });
      const [size = 0, blocks = 0] = execFileSync("stat", ["-c", "%s %b", artifact], { encoding: "utf8" })
        .split(" ")
        .map(Number);
      expect(blocks * 512).toBeGreaterThanOrEqual(size);
      await withMount(artifact, "rw", (mounted) => {
        const env = { ...process.env, PGDATA: "/var/lib/postgresql/data", POSTGRES_USER: "postgres" };
        const made = execFileSync("chroot", [mounted, "/usr/local/bin/docker-entrypoint.sh", "pg_controldata"], {
          env,
          encoding: "utf8",
        });
        expect(made).toContain("Database cluster state:");
      });
    });

    test("flask, with folders of the project", async () => {
      const toml = flat("python:3.11-alpine", { bufferMb: 150, preallocate: false }, FLASK_MAPPINGS);
      const { artifact, manifest } = await build("flask-app", {
        "fledge.toml": toml,
        "manifest.toml": FLASK_MANIFEST,
        "payload/app/server.py": SERVER_PY,
        "payload/static/style.css": "body {}\n",
      });
      expect(manifest).toMatchObject({
        name: "flask-app",
        runtime: "python-flask",
        workload: { base_url: "http://127.0.0.1:5000" },
      });
      await withMount(artifact, "rw", (mounted) => {
        const script =
          'import sys; sys.path.insert(0, "/opt/app"); from server import app; print(app.test_client().get("/").text)';
        expect(execFileSync("chroot", [mounted, "/usr/local/bin/python", "-c", script], { encoding: "utf8" })).toBe(
          "hello\n",
        );
      });
    });
  },
);

function freeBytes(mounted: string): number {
  const [blocks = 0, size = 0] = execFileSync("stat", ["-f", "-c", "%a %S", mounted], { encoding: "utf8" })
    .split(" ")
    .map(Number);
  return blocks * size;
}
