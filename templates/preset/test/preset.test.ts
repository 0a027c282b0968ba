import assert from "node:assert/strict";
import { test } from "node:test";
import { definePlugin } from "@volantvm/fledge";
import { buildForTest, imageForTest, testProgram } from "@volantvm/fledge/testing";
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
