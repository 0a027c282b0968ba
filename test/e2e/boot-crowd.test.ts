import { expect, test } from "vitest";
import { definePlugin } from "../../src/config/define.ts";
import { bootForTest, buildForTest } from "../../src/testing/index.ts";
import { requireBoot } from "../helpers/guest.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

describeWith("boots", [requireBoot(), requireTools("busybox")], () => {
  test("ten side by side do not meet", async () => {
    const cwd = project({
      "init.sh": "#!/bin/sh\nmkdir /www; hostname >/www/name; exec httpd -f -p 8080 -h /www\n",
    });
    const plugin = definePlugin({
      name: "crowd",
      strategy: "initramfs",
      busybox: { path: "/bin/busybox" },
      init: { path: "./init.sh", exec: true },
    });
    await using built = await buildForTest(plugin, { cwd, write: true, cacheDir: tempDir() });
    const path = built.result?.artifact.path ?? "";
    const names = Array.from({ length: 10 }, (_, index) => index);
    const guests = await Promise.all(names.map(() => bootForTest(path, { memoryMb: 128, exec: false })));
    try {
      const ports = await Promise.all(guests.map((vm) => vm.port(8080).ready({ within: 200_000 })));
      expect(new Set(ports.map(({ hostPort }) => hostPort)).size).toBe(10);
      await guests[0]?.powerOff();
      const answers = await Promise.all(guests.slice(1).map((vm) => vm.fetch("/name", { port: 8080 })));
      expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200));
    } finally {
      for (const vm of guests) await vm[Symbol.asyncDispose]();
    }
  }, 1_200_000);
});
