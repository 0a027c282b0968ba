import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bootForTest } from "../../src/testing/index.ts";
import { type Arm64, arm64Parts, requireArm64 } from "../helpers/arm64.ts";
import { fledge } from "../helpers/cli.ts";
import { KERNEL, requireBoot } from "../helpers/guest.ts";
import { project } from "../helpers/project.ts";
import { describeWith } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

/** The emulated processor is slow, and the tests of others run beside it. */
const LONG = { timeout: 1_200_000 };

describeWith("a guest of arm64", [requireBoot(), requireArm64()], () => {
  let parts: Arm64;
  beforeAll(() => {
    parts = arm64Parts();
  }, 600_000);

  function plugin(more: object): string {
    const config = { name: "arm", platform: "linux/arm64", ...more };
    const cwd = project({
      "fledge.config.mjs": `export default ${JSON.stringify(config)};`,
      "init.sh": '#!/bin/sh\necho "on $(uname -m)"\n',
      "app.sh": '#!/bin/busybox sh\nbusybox echo "from a disk, on $(busybox uname -m)"\n',
      "root/etc/hostname": "arm\n",
    });
    copyFileSync(parts.busybox, join(cwd, "busybox"));
    return cwd;
  }

  const INITRAMFS = { strategy: "initramfs", busybox: { path: "./busybox" }, init: { path: "./init.sh" } };

  test("boots an initramfs with a kernel and a BusyBox of its own", LONG, async () => {
    const cwd = plugin({ ...INITRAMFS, guest: { kernel: { path: parts.kernel } } });
    const env = { FLEDGE_BUSYBOX: parts.busybox };
    const { code, stdout, stderr } = await fledge(["boot"], { cwd, env });
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain("on aarch64\n");
    expect(stderr).toContain("the guest powered off");
  });

  test("boots a disk, and runs programs in it", LONG, async () => {
    const cwd = plugin({
      ...{ strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { headroom: "8M" } },
      mappings: { "./busybox": "/bin/busybox", "./app.sh": "/usr/bin/app" },
      manifest: { workload: { entrypoint: ["/usr/bin/app"], baseUrl: "http://127.0.0.1:80" } },
    });
    const env = { ...process.env, FLEDGE_BUSYBOX: parts.busybox };
    await using vm = await bootForTest(join(cwd, "fledge.config.mjs"), {
      ...{ cacheDir: tempDir(), kernel: parts.kernel, exec: false, env },
    });
    await vm.console.waitFor(/from a disk, on aarch64/, { within: 120_000 });
    expect(await vm.ended()).toMatchObject({ exit: "poweroff", workloadStatus: 0 });
  });

  test("names what is for another processor: the kernel, BusyBox, and what there is of the kind", LONG, async () => {
    const cwd = plugin(INITRAMFS);
    expect((await fledge(["build"], { cwd })).code).toBe(0);
    const boot = async (args: string[], env: Record<string, string> = {}) => {
      const { code, stderr } = await fledge(["boot", "arm.cpio.gz", "--print", ...args], { cwd, env });
      return [code, stderr.split("\n")[0]?.replace(cwd, ".")];
    };
    expect(await boot([])).toEqual([
      3,
      "error no kernel for arm64 that this user can read in /boot; needed to boot the guest",
    ]);
    expect(await boot(["--kernel", KERNEL ?? ""])).toEqual([
      2,
      `error the guest is for arm64, and the kernel ${KERNEL} for amd64`,
    ]);
    const [code, said] = await boot(["--kernel", parts.kernel]);
    expect([code, said]).toEqual([
      3,
      expect.stringMatching(/^error \S+busybox does not run on the guest's arm64; needed to do the first steps/),
    ]);
    const fits = await fledge(["boot", "arm.cpio.gz", "--print", "--kernel", parts.kernel], {
      ...{ cwd, env: { FLEDGE_BUSYBOX: parts.busybox } },
    });
    expect(fits.stdout).toMatch(/^\S*qemu-system-aarch64 -machine virt -accel tcg /);
  });
});
