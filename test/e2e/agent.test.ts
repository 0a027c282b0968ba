import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Manifest } from "../../src/volant/schema.ts";
import { agentSpec, bootDisk, compileAgent, requireAgent } from "../helpers/agent.ts";
import { build } from "../helpers/builds.ts";
import { bootGuest } from "../helpers/guest.ts";
import { describeWith } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const PAGE = "served from the working folder";

/** A disk of a folder with nothing but BusyBox, whose web server is named as people name programs. */
async function smallDisk(workload: object, healthCheck?: object) {
  const cwd = tempDir();
  mkdirSync(join(cwd, "root/bin"), { recursive: true });
  mkdirSync(join(cwd, "root/site"));
  writeFileSync(join(cwd, "root/site/index.html"), PAGE);
  copyFileSync("/bin/busybox", join(cwd, "root/bin/busybox"));
  for (const applet of ["cat", "httpd", "sh", "sleep", "wget"]) symlinkSync("busybox", join(cwd, "root/bin", applet));
  const manifest = { workload: { baseUrl: "http://127.0.0.1:8080", ...workload }, healthCheck };
  const recipe = { name: "small", strategy: "oci_rootfs", source: { dir: "./root" }, manifest };
  return await build("small", recipe, { cwd });
}

const FETCH = "eventually wget -qO- http://127.0.0.1:8080/; echo; pwd";

describeWith("the agent", [requireAgent()], () => {
  test("starts a bare name in its working folder, once fledge has found both, and waits until it is well", async () => {
    const command = { entrypoint: ["httpd", "-f", "", " -p ", "8080"], workdir: "/site", env: { GREETING: " hello " } };
    const { artifact, manifest } = await smallDisk(command, { endpoint: "/index.html" });
    const { console, poweredOff } = await bootDisk(artifact, manifest, `${FETCH}; echo "($GREETING)"`);
    expect(console).toMatch(new RegExp(`workload process started \\(pid=\\d+\\)\\n${PAGE}\\n/\\n\\(hello\\)\\n`));
    expect(console).toContain("check ended with 0\nworkload ended with 15\n");
    expect(poweredOff).toBe(true);
  }, 1_200_000);

  test("starts in a working folder that only fledge made, and in an initramfs too", async () => {
    const { artifact, manifest, stderr } = await smallDisk({
      entrypoint: ["sh", "-c", "cat /site/index.html; while :; do sleep 1; done"],
      workdir: "/srv/missing/deep",
    });
    expect(stderr).toContain("warning the guest has no /srv/missing/deep");
    const check = "cat /proc/[0-9]*/cwd/../../nothing 2>/dev/null; cd /srv/missing/deep && echo it is there";
    expect((await bootDisk(artifact, manifest, check)).console).toContain("it is there\ncheck ended with 0\n");

    const cwd = tempDir();
    compileAgent(cwd);
    const recipe = {
      ...{ name: "small", strategy: "initramfs", busybox: { path: "/bin/busybox" }, agent: { path: "./kestrel" } },
      mappings: { "./spec": "/etc/kestrel.spec" },
      manifest: {
        workload: { ...manifest.workload, base_url: undefined, type: "http", baseUrl: "http://127.0.0.1:80" },
      },
    };
    writeFileSync(join(cwd, "spec"), agentSpec(manifest, check));
    const guest = await build("small", recipe, { cwd });
    const { console } = await bootGuest({ initrd: guest.artifact, append: "quiet", until: /halting/ });
    expect(console).toContain("it is there\ncheck ended with 0\n");
  }, 1_200_000);

  test.each<[fault: string, workload: Partial<Manifest["workload"]>, says: string]>([
    ["a bare name", { entrypoint: ["httpd"] }, 'exec: "httpd": executable file not found in $PATH'],
    ["no working folder", { workdir: "/gone" }, "fork/exec /bin/httpd: No such file or directory"],
    ["no words but blank ones", { entrypoint: [" "] }, "entrypoint required"],
  ])(
    "halts at a manifest with %s",
    async (_, fault, says) => {
      const { artifact, manifest } = await smallDisk({ entrypoint: ["httpd", "-f", "-p", "8080"] });
      const faulty = { ...manifest, workload: { ...manifest.workload, ...fault } };
      const { console, poweredOff } = await bootDisk(artifact, faulty, "echo it runs");
      expect(console).toContain(`kestrel: fatal error in pid1 (start workload): `);
      expect(console).toContain(says);
      expect(console).not.toContain("it runs");
      expect(poweredOff).toBe(false);
    },
    1_200_000,
  );
});
