import assert from "node:assert/strict";
import { test } from "node:test";
import { definePlugin, diagnoseBoot } from "@volantvm/fledge";
import { bootForTest, buildForTest, imageForTest, testProgram } from "@volantvm/fledge/testing";
import preset from "../src/index.ts";

/** A small image in the place of the one that users will have. */
const image = await imageForTest({
  files: { "/usr/bin/app": { data: testProgram(), mode: 0o755 } },
  config: { Cmd: ["/usr/bin/app"], ExposedPorts: { "80/tcp": {} } },
});

function recipe(options: Parameters<typeof preset>[0]) {
  return definePlugin({
    name: "test",
    strategy: "oci_rootfs",
    source: { image: image.reference },
    extends: [preset(options)],
  });
}

test.after(() => image.cleanup());

test("greets, with the rest of the message below", async () => {
  const built = await buildForTest(recipe({ greeting: "Hello" }));
  assert.match(built.tree.readFile("/etc/motd").toString(), /^Hello\nThis machine was built by fledge/);
  assert.equal(built.tree.stat("/etc/motd").mode, 0o644);
  assert.deepEqual(built.manifest?.workload.entrypoint, ["/usr/bin/app"]);
  assert.deepEqual(built.warnings, []);
  await built.cleanup();
});

test("takes a folder, relative to the config", async () => {
  const built = await buildForTest(recipe({ content: "./src" }));
  assert.ok(built.tree.exists("/srv/content/index.ts"));
  await built.cleanup();
});

test("refuses what is no option of it", async () => {
  const misspelt = { greting: "Hello" } as Parameters<typeof preset>[0];
  await assert.rejects(buildForTest(recipe(misspelt)), { code: "config" });
});

/** Booting takes QEMU, a kernel and BusyBox: `npx fledge doctor --all` says what is missing. */
const { canRun } = await diagnoseBoot();

test("the guest greets", { skip: !canRun }, async () => {
  const plugin = definePlugin({
    name: "test",
    strategy: "initramfs",
    platform: "linux/amd64",
    busybox: { path: "/bin/busybox" },
    init: { path: "/bin/sleep-forever" },
    hooks: {
      "rootfs:ready": ({ rootfs }) => {
        rootfs.writeFile("/bin/sleep-forever", "#!/bin/sh\nsleep 1000000\n", { mode: 0o755 });
      },
    },
    extends: [preset({ greeting: "Hello" })],
  });
  await using vm = await bootForTest(plugin);
  const { stdout } = await vm.exec(["cat", "/etc/motd"]);
  assert.match(stdout, /^Hello\n/);
});
