import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { requireBoot } from "../helpers/guest.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

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
  expect(stdout).toMatch(/^fledge boot, fledge test\n {2}✖ qemu-system-x86_64 +to boot the guest/m);
  expect(stdout).toContain("      sudo apt-get install -y qemu-system-x86\n");
  const here = await fledge(["doctor", "--all"], { cwd: recipe("") });
  expect(here.stdout).toContain('archive.compression = "lz4"\n');
});

describeWith("booting", [requireBoot(), requireTools("busybox")], () => {
  test("of a plugin with tests of its boot: program, kernel, BusyBox, and whether KVM works", async () => {
    const cwd = recipe('test: { boot: [{ until: { exit: "any" } }] }');
    const { code, stdout } = await fledge(["doctor"], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}✔ qemu-system-x86_64 +to boot the guest +\/\S+\n/);
    expect(stdout).toMatch(/ {2}✔ a kernel +to boot the guest with +\/boot\/vmlinuz-/);
    expect(stdout).toMatch(/ {2}✔ busybox +to load drivers/);
    expect(stdout).toMatch(/ {2}[✔?] KVM +would run guests at full speed +\S/);
    const without = await fledge(["doctor"], { cwd, env: { FLEDGE_KERNEL: "/nothing" } });
    expect(without.code, "a build needs no kernel").toBe(0);
    expect(without.stdout).toContain("✖ a kernel");
    expect(without.stdout).not.toContain("KVM");
  });
});
