import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";

const recipe = (more: string) =>
  project({
    app: "#!/bin/sh\n",
    "fledge.config.ts": `export default { name: "web", strategy: "initramfs", init: { none: true },
      mappings: { "./app": "/init" }, ${more} }`,
  });

test("a plan that can run here: what it needs, and exit code 0", async () => {
  const { code, stdout, stderr } = await fledge(["doctor"], { cwd: recipe('archive: { compression: "zstd" }') });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^Node \d+\.\d+\.\d+ on linux\//);
  expect(stdout).toMatch(/^web\n {2}✔ zstd {2}to compress the initramfs with zstd {2}\/\S+\/zstd \d+\.\d+\.\d+$/m);
  const plain = await fledge(["doctor"], { cwd: recipe("") });
  expect(plain.stdout).toContain("web\n  ✔ nothing but Node\n");
});

test("a plan that cannot: what is missing, what mends it, and exit code 3", async () => {
  const cwd = recipe('archive: { compression: "xz" }');
  const env = { PATH: "/nowhere" };
  const { code, stdout } = await fledge(["doctor"], { cwd, env });
  expect(code).toBe(3);
  expect(stdout).toContain("✖ xz  to compress the initramfs with xz  xz not found\n");
  expect(stdout).toContain("      sudo apt-get install -y xz-utils\n");
  expect(stdout).toContain('      or archive.compression = "gzip" (built in)\n');
  const json = await fledge(["doctor", "--json"], { cwd, env });
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject([{ subject: "web", canRun: false, findings: [{ isMet: false }] }]);
  const build = await fledge(["build"], { cwd, env });
  expect(build.code).toBe(3);
  expect(build.stderr).toContain("sudo apt-get install -y xz-utils");
});

test("every feature, where there is no config", async () => {
  const { code, stdout } = await fledge(["doctor"], { cwd: project({}), env: { PATH: "/nowhere" } });
  expect(code).toBe(0);
  expect(stdout).toContain('archive.compression = "lz4"\n  ✖ lz4');
  expect(stdout).toContain("layers and archives of a source\n");
  const here = await fledge(["doctor", "--all"], { cwd: recipe("") });
  expect(here.stdout).toContain('archive.compression = "lz4"\n');
});
