import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { bootGuest, requireBoot } from "../helpers/qemu.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url));

/** What has to be there before an example is built, as its own comments say. */
const PREPARE: Readonly<Record<string, (folder: string) => void>> = {
  "hello-toml": (cwd) => execFileSync("cc", ["-static", "-O2", "-o", "kestrel", "agent.c"], { cwd }),
};

async function build(example: string): Promise<{ folder: string; files: string[]; stdout: string; stderr: string }> {
  const cwd = join(EXAMPLES, example);
  PREPARE[example]?.(cwd);
  const folder = tempDir();
  const { code, stdout, stderr } = await fledge(["build", cwd, "-o", `${folder}/`, "--verify", "-v"]);
  expect(stderr).not.toContain("error");
  expect(code, stderr).toBe(0);
  return { folder, files: readdirSync(folder).sort(), stdout, stderr };
}

describeWith("the examples", [requireTools("cc", "busybox"), requireBoot()], () => {
  test("each one is built, and Volant accepts its manifest", async () => {
    for (const example of readdirSync(EXAMPLES)) {
      const { folder, files } = await build(example);
      expect(files).toEqual([`${example}.cpio.gz`, `${example}.manifest.json`]);
      const check = await fledge(["check", join(folder, `${example}.manifest.json`)]);
      expect(check).toMatchObject({ code: 0, stderr: "" });
    }
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
    const { console } = await bootGuest({ initrd: join(folder, "preset-package.cpio.gz"), until: /<\/ul>/ });
    expect(console).toContain("<h1>Monday</h1>\n<ul>\n<li>The lift works again.\n</li></ul>\n");
  });

  test("static-binary boots with nothing but its own program", async () => {
    const { folder } = await build("static-binary");
    const { console, poweredOff } = await bootGuest({ initrd: join(folder, "static-binary.cpio.gz") });
    expect(console).toContain("static-binary: hello from PID 1\n");
    expect(poweredOff).toBe(true);
  });
});
