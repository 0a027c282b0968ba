import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { fsck, withMount } from "../helpers/ext4.ts";
import { type Hub, startHub } from "../helpers/hub.ts";
import { bootGuest, requireBoot } from "../helpers/qemu.ts";
import { needsRealImages } from "../helpers/real-images.ts";
import { needsRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url));

type Example = {
  /** What there is after the build; a manifest among them is one that Volant accepts. */
  readonly makes: readonly string[];
  /** What has to be there before it is built, as its README says. */
  readonly prepare?: (cwd: string) => void;
};

const initramfs = (name: string): string[] => [`${name}.cpio.gz`, `${name}.manifest.json`];
const disk = (name: string): string[] => [`${name}-rootfs.img`, `${name}.manifest.json`];

const TABLE: Readonly<Record<string, Example>> = {
  hello: { makes: initramfs("hello") },
  "hello-toml": {
    makes: initramfs("hello-toml"),
    prepare: (cwd) => execFileSync("cc", ["-static", "-O2", "-o", "kestrel", "agent.c"], { cwd }),
  },
  "oci-nginx": { makes: disk("oci-nginx") },
  "oci-postgres": { makes: disk("oci-postgres") },
  "python-flask": { makes: disk("python-flask"), prepare: vendorFlask },
  "static-binary": { makes: initramfs("static-binary") },
};

/** What pip would put into vendor/, from Debian's packages. */
function vendorFlask(cwd: string): void {
  mkdirSync(join(cwd, "vendor"));
  for (const name of ["flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous"])
    cpSync(join("/usr/lib/python3/dist-packages", name), join(cwd, "vendor", name), { recursive: true });
}

describeWith(
  "the examples",
  [requireTools("cc", "busybox", "e2fsck"), requireBoot(), needsRealImages(), needsRegistry()],
  () => {
    let hub: Hub;
    beforeAll(async () => {
      hub = await startHub();
    }, 1_200_000);
    afterAll(() => hub.registry.stop());

    /** Builds a copy of the example into a folder. */
    async function build(name: string): Promise<string> {
      const cwd = join(tempDir(), name);
      cpSync(join(EXAMPLES, name), cwd, { recursive: true });
      TABLE[name]?.prepare?.(cwd);
      const folder = tempDir();
      const { code, stderr } = await fledge(["build", cwd, "-o", `${folder}/`, "--verify", "-v"], { env: hub.env });
      expect(stderr).not.toContain("error");
      expect(code, stderr).toBe(0);
      return folder;
    }

    test("all of them are in the table", () => {
      expect(Object.keys(TABLE).sort()).toEqual(readdirSync(EXAMPLES).sort());
    });

    test.each(Object.entries(TABLE))("%s is built as it stands, and explained", async (name, { makes }) => {
      const folder = await build(name);
      expect(readdirSync(folder).sort()).toEqual([...makes].sort());
      for (const manifest of makes.filter((file) => file.endsWith(".manifest.json")))
        expect(await fledge(["check", join(folder, manifest)])).toMatchObject({ code: 0, stderr: "" });
      for (const image of makes.filter((file) => file.endsWith("-rootfs.img"))) fsck(join(folder, image));
      expect(
        readFileSync(join(EXAMPLES, name, "README.md"), "utf8")
          .trim()
          .split("\n").length,
      ).toBeLessThan(8);
    });

    test("hello boots, mounts, and serves the page that its hook made", async () => {
      const folder = await build("hello");
      const { console } = await bootGuest({ initrd: join(folder, "hello.cpio.gz"), until: /commands<\/p>/ });
      expect(console).toMatch(/hello: serving on port 8080: <h1>Hello from hello 1\.0\.0<\/h1><p>\d{3} commands<\/p>/);
    });

    test("hello-toml boots into its agent, which runs the workload", async () => {
      const folder = await build("hello-toml");
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

    test("static-binary boots with nothing but its own program", async () => {
      const folder = await build("static-binary");
      const { console, poweredOff } = await bootGuest({ initrd: join(folder, "static-binary.cpio.gz") });
      expect(console).toContain("static-binary: hello from PID 1\n");
      expect(poweredOff).toBe(true);
    });

    test("python-flask has an application that answers", async () => {
      const folder = await build("python-flask");
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
