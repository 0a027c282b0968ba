import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, tryBuild } from "../helpers/builds.ts";
import { run, withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { needsRegistry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const MIB = 2 ** 20;
const LOADER = "/lib/ld-absent.so.1";

describeWith("a disk of a real image", [needsRealImages(), requireTools("e2fsck", "busybox", "cc")], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-real-"));
  const env = { FLEDGE_CACHE_DIR: join(scratch, "cache") };
  let layout: string;
  beforeAll(async () => {
    layout = await nginxLayout();
  }, 1_200_000);
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const recipe = (more: object = {}) => ({
    ...{ name: "nginx", strategy: "oci_rootfs", source: { image: `oci:${layout}:${TAG}` } },
    ...more,
  });

  test("that is too small says by how much, and with that much more it is large enough", async () => {
    const small = await tryBuild(recipe({ filesystem: { size: "100M" } }), { env });
    expect(small.code).not.toBe(0);
    expect(small.stderr).toMatch(/the files do not fit in 100\.0 MiB: they need [\d.]+ MiB more \(\d+ bytes\)/);
    const missing = Number(/(\d+) bytes/.exec(small.stderr)?.[1]);

    const least = 100 * MIB + missing;
    const fitting = await build("nginx", recipe({ filesystem: { size: least } }), { env });
    expect(statSync(fitting.artifact).size).toBe(least);
    fsck(fitting.artifact);
    const tight = await tryBuild(recipe({ filesystem: { size: least - 4096 } }), { env });
    expect(tight.stderr).toContain("they need 4.0 KiB more (4096 bytes)");
  });

  test("has its headroom free for the guest, and takes no more", async () => {
    const sizes: number[] = [];
    for (const headroom of ["0", "64M", "256M"]) {
      const { artifact, stderr } = await build("nginx", recipe({ filesystem: { headroom } }), { env });
      expect(stderr.includes("headroom"), headroom).toBe(headroom === "0");
      sizes.push(statSync(artifact).size);
      if (headroom === "0") continue;
      const bytes = Number.parseInt(headroom, 10) * MIB;
      const copy = join(tempDir(), "copy.img");
      copyFileSync(artifact, copy);
      await withMount(copy, "rw", (folder) => {
        run("dd", ["if=/dev/zero", `of=${folder}/fill`, "bs=1M", `count=${bytes / MIB}`, "conv=fsync", "status=none"]);
        const [free = 0, block = 0] = run("stat", ["-f", "-c", "%a %S", folder]).split(" ").map(Number);
        expect(free * block).toBeLessThan(bytes / 8 + 8 * MIB);
      });
      fsck(copy);
    }
    const [none = 0, some = 0, much = 0] = sizes;
    expect(some - none).toBeLessThan(72 * MIB);
    expect(much - some).toBeLessThan(200 * MIB);
  });

  test("is the same with and without holes", async () => {
    const sparse = await build("nginx", recipe(), { env });
    const full = await build("nginx", recipe({ filesystem: { preallocate: true } }), { env });
    expect(full.digest()).toBe(sparse.digest());
    const [holes, none] = [statSync(sparse.artifact), statSync(full.artifact)];
    expect(none.blocks * 512).toBeGreaterThanOrEqual(none.size);
    expect(holes.blocks * 512).toBeLessThan(holes.size - 60 * MIB);
  });

  test("runs what the config says instead of the image", async () => {
    const manifest = {
      workload: {
        entrypoint: ["/usr/sbin/nginx", "-c", "/etc/nginx/nginx.conf"],
        env: { GREETING: "goodbye", EXTRA: "1" },
        workdir: "/var/www",
        baseUrl: "http://127.0.0.1:8080",
      },
      labels: { team: "web" },
    };
    const built = await build("nginx", recipe({ manifest }), { env, args: ["-v"] });
    expect(built.manifest.workload).toEqual({
      type: "http",
      base_url: "http://127.0.0.1:8080",
      entrypoint: ["/usr/sbin/nginx", "-c", "/etc/nginx/nginx.conf"],
      env: { GREETING: "goodbye", EXTRA: "1" },
      workdir: "/var/www",
    });
    expect(built.manifest.labels).toMatchObject({ team: "web", "volant.expose.80/tcp": "true" });
    expect(built.stderr).toContain("workload.entrypoint from manifest.workload.entrypoint");
  });

  test("is not made when its workload cannot start", async () => {
    const folder = tempDir();
    writeFileSync(join(folder, "elsewhere"), foreign());
    writeFileSync(join(folder, "script"), "#!/opt/absent/python3\n");
    writeFileSync(join(folder, "main.c"), "int main(void) { return 0; }\n");
    run("cc", [`-Wl,--dynamic-linker=${LOADER}`, "-o", join(folder, "dynamic"), join(folder, "main.c")]);
    const mappings = Object.fromEntries(
      ["elsewhere", "script", "dynamic"].map((name) => [join(folder, name), `/opt/bin/${name}`]),
    );
    const failing = async (program: string): Promise<string> => {
      const manifest = { workload: { entrypoint: [program] } };
      const { code, stderr } = await tryBuild(recipe({ manifest, mappings }), { env });
      expect(code).not.toBe(0);
      return stderr;
    };
    expect(await failing("/usr/bin/absent")).toContain("/usr/bin/absent does not exist in the guest");
    expect(await failing("absent")).toMatch(/absent is in none of .*\/usr\/bin/);
    expect(await failing("/etc/issue")).toContain("/etc/issue is not executable");
    expect(await failing("/srv")).toContain("/srv is a dir, not a program");
    expect(await failing("/opt/bin/elsewhere")).toContain("is a 64-bit aarch64 program, but the guest is amd64");
    expect(await failing("/opt/bin/script")).toContain("needs the interpreter /opt/absent/python3");
    expect(await failing("/opt/bin/dynamic")).toContain(`is dynamically linked and needs ${LOADER}, which`);
  });

  test("is not made of an image for another processor", async () => {
    const { code, stderr } = await tryBuild(recipe({ platform: "linux/arm64" }), { env });
    expect(code).not.toBe(0);
    expect(stderr).toContain("is for linux/amd64, not linux/arm64");
  });
});

describeWith("a registry that the config describes", [needsRealImages(), needsRegistry()], () => {
  test("is reached with an authority file beside the config, and its mirror is asked first", async () => {
    const registry = await startRegistry({ tls: true });
    try {
      registry.push(`oci:${await nginxLayout()}:${TAG}`, "web/nginx:1");
      const folder = tempDir();
      writeFileSync(join(folder, "ca.pem"), readFileSync(registry.ca ?? ""));
      const config = {
        name: "nginx",
        strategy: "oci_rootfs",
        source: { image: "registry.invalid/web/nginx:1" },
        registries: {
          "registry.invalid": { mirrors: [registry.host] },
          [registry.host]: { ca: "./ca.pem" },
        },
      };
      const { manifest } = await build("nginx", config, { cwd: folder });
      expect(manifest.image).toBe("registry.invalid/web/nginx:1");
    } finally {
      await registry.stop();
    }
  }, 1_200_000);
});

/** A static program, its ELF header changed to say that it is for arm64. */
function foreign(): Buffer {
  const bytes = Buffer.from(readFileSync("/bin/busybox"));
  bytes.writeUInt16LE(0xb7, 18);
  return bytes;
}
