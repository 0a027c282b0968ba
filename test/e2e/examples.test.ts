import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { busyboxLayout, engineStore } from "../helpers/engine-store.ts";
import { bootGuest, requireBoot } from "../helpers/qemu.ts";
import { describeWith, type Missing, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url));

/** What an example needs besides a compiler and BusyBox, and how it is built. */
type Example = {
  readonly needs?: readonly Missing[];
  /** What has to be there before it is built, as its own comments say; returns variables for the build. */
  readonly prepare?: (folder: string) => Promise<Readonly<Record<string, string>>>;
  /** Default `.cpio.gz`. */
  readonly suffix?: string;
};

const SPECIAL: Readonly<Record<string, Example>> = {
  "hello-toml": {
    async prepare(cwd) {
      execFileSync("cc", ["-static", "-O2", "-o", "kestrel", "agent.c"], { cwd });
      return {};
    },
  },
  dockerfile: {
    needs: [requireRoot(), requireTools("buildah", "skopeo")],
    suffix: "-rootfs.img",
    async prepare() {
      const store = engineStore();
      onTestFinished(() => store.remove());
      await store.load(busyboxLayout(tempDir()), "busybox");
      return { ...store.env, BASE_IMAGE: "localhost/busybox" };
    },
  },
};

async function build(example: string): Promise<{ folder: string; files: string[]; stdout: string; stderr: string }> {
  const cwd = join(EXAMPLES, example);
  const env = await SPECIAL[example]?.prepare?.(cwd);
  const folder = tempDir();
  const args = ["build", cwd, "-o", `${folder}/`, "--verify", "-v"];
  const { code, stdout, stderr } = await fledge(args, { ...(env !== undefined && { env }) });
  expect(stderr).not.toContain("error");
  expect(code, stderr).toBe(0);
  return { folder, files: readdirSync(folder).sort(), stdout, stderr };
}

for (const example of readdirSync(EXAMPLES)) {
  const { needs = [], suffix = ".cpio.gz" } = SPECIAL[example] ?? {};
  describeWith(`examples/${example}`, [requireTools("cc", "busybox"), ...needs], () => {
    test("is built, and Volant accepts its manifest", async () => {
      const { folder, files } = await build(example);
      expect(files).toEqual([`${example}${suffix}`, `${example}.manifest.json`].sort());
      const check = await fledge(["check", join(folder, `${example}.manifest.json`)]);
      expect(check).toMatchObject({ code: 0, stderr: "" });
    });
  });
}

describeWith("the examples boot", [requireTools("cc", "busybox"), requireBoot()], () => {
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

  test("static-binary boots with nothing but its own program", async () => {
    const { folder } = await build("static-binary");
    const { console, poweredOff } = await bootGuest({ initrd: join(folder, "static-binary.cpio.gz") });
    expect(console).toContain("static-binary: hello from PID 1\n");
    expect(poweredOff).toBe(true);
  });
});
