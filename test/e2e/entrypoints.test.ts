import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build, tryBuild } from "../helpers/builds.ts";
import { makeImage, writeImages } from "../helpers/images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

/** A recipe for an image of one layer with this config. */
function recipe(config: object, more: object = {}): object {
  const layout = join(tempDir(), "layout");
  const layer = tar(
    { name: "bin/busybox", data: readFileSync("/bin/busybox"), mode: 0o755 },
    { name: "bin/sh", type: "2", linkname: "busybox" },
    { name: "opt/app/run", data: "#!/bin/sh\n", mode: 0o755 },
    { name: "opt/app/data", data: "not a program" },
    { name: "usr/local/bin/tool/", type: "5" },
    { name: "usr/bin/tool", data: "#!/bin/sh\n" },
    { name: "bin/tool", data: "#!/bin/sh\n", mode: 0o755 },
  );
  writeImages(layout, [{ image: makeImage({ layers: [layer], architecture: "amd64", config }) }]);
  const image = `oci:${layout}`;
  return { name: "app", strategy: "oci_rootfs", platform: "linux/amd64", source: { image }, ...more };
}

describeWith("the program that an image starts", [requireTools("busybox")], () => {
  test.each([
    ["is relative to its working folder", { Entrypoint: ["./run"], WorkingDir: "/opt/app" }, {}],
    ["is relative to a working folder of the config's", { Cmd: ["app/run"] }, { workdir: "/opt" }],
    ["is relative to the root where there is no working folder", { Cmd: ["opt/app/run"] }, {}],
    ["is the first of the PATH that can be run", { Cmd: ["tool"] }, {}],
    ["is on the image's PATH", { Cmd: ["run"], Env: ["PATH=/opt/app"] }, {}],
    ["is on the PATH that the config sets", { Cmd: ["run"], Env: ["PATH=/bin"] }, { env: { PATH: "/bin:/opt/app" } }],
  ])("%s", async (_, config, workload) => {
    await build("app", recipe(config, { manifest: { workload } }));
  });

  test.each([
    [
      "a relative one is absent",
      { Entrypoint: ["./absent"], WorkingDir: "/opt/app" },
      "./absent (/opt/app/absent) does not exist in the guest",
    ],
    [
      "a relative one is no program",
      { Cmd: ["./data"], WorkingDir: "/opt/app" },
      "./data (/opt/app/data) is not executable",
    ],
    [
      "its PATH has none that can be run",
      { Cmd: ["data"], Env: ["PATH=/opt/app"] },
      "data (/opt/app/data) is not executable",
    ],
    ["its PATH has none at all", { Cmd: ["absent"] }, "absent is in none of /usr/local/sbin:"],
    ["it says nothing of one", {}, "nothing says what the guest is to run"],
  ])("is an error when %s", async (_, config, message) => {
    const { code, stderr } = await tryBuild(recipe(config));
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("Write the ext4 image");
  });

  test("must be named by the config where a folder cannot name it", async () => {
    const { code, stderr } = await tryBuild({ name: "app", strategy: "oci_rootfs", source: { dir: tempDir() } });
    expect(code).not.toBe(0);
    expect(stderr).toContain("nothing says what the guest is to run");
    expect(stderr).not.toContain("Write the ext4 image");
  });
});
