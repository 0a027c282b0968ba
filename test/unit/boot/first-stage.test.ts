import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { firstStage, startScript, workloadStatusIn } from "../../../src/boot/first-stage.ts";

const manifest = (workload: object) => ({
  workload: { type: "http" as const, base_url: "http://127.0.0.1:80", entrypoint: ["/bin/app"], ...workload },
});

test("an initramfs is handed over to as it is", () => {
  const script = firstStage(["virtio", "virtio_net"]);
  expect(script.indexOf("virtio.ko")).toBeLessThan(script.indexOf("virtio_net.ko"));
  expect(script).toMatch(/\$b rm -rf \/\.fledge\nexec \/init\n$/);
  expect(script).not.toContain("vda");
});

test("a disk is entered as the agent does", () => {
  const script = firstStage([], { filesystem: "xfs" });
  expect(script).toContain("mount -t xfs -o relatime /dev/vda /mnt");
  expect(script.indexOf("/mnt/usr/local/bin/kestrel")).toBeLessThan(script.indexOf("switch_root"));
});

test.each([
  firstStage(["a"]),
  firstStage(["a"], { filesystem: "ext4" }),
  startScript(manifest({ env: { A: "'\n\"$x" } })),
])("a script is one that shells read", (script) => {
  execFileSync("sh", ["-n"], { input: script });
});

test("words, values and folders are quoted, trimmed, and left out when they are empty", () => {
  const script = startScript(
    manifest({ entrypoint: [" /bin/app ", "", "it's $HOME"], env: { TEXT: " a  b\n" }, workdir: "/srv/my app" }),
  );
  expect(script).toContain("cd '/srv/my app' ||");
  expect(script).toContain(
    "env -i HOME=/ TERM=linux 'PATH=/usr/local/bin:/usr/bin:/bin' 'TEXT=a  b' '/bin/app' 'it'\\''s $HOME' &",
  );
});

test("a bare name fails as it does for the agent, whatever PATH says", () => {
  const script = startScript(manifest({ entrypoint: ["app"], env: { PATH: "/opt/bin" } }));
  expect(script).toContain(`fail 'exec: "app": executable file not found in $PATH'`);
  expect(script).toContain("'PATH=/opt/bin'");
});

test("the status of the workload is read from its line", () => {
  expect(workloadStatusIn("fledge-boot: the workload ended with status 137")).toBe(137);
  expect(workloadStatusIn("the workload ended with status")).toBeUndefined();
});
