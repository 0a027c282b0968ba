import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { installInit } from "../../../../src/guest/init/install.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { tempDir } from "../../../helpers/temp.ts";

function initOf(rootfs: RootfsTree): string[] {
  expect(rootfs.lstat("/init")).toMatchObject({ type: "file", mode: 0o755 });
  return rootfs
    .readFile("/init")
    .toString()
    .split("\n")
    .filter((line) => /^FLEDGE_\w+=/.test(line));
}

it("the default hands over to the agent", () => {
  const rootfs = new RootfsTree();
  installInit(rootfs, { mode: "default", run: "/bin/kestrel" });
  expect(initOf(rootfs)).toEqual(["FLEDGE_RUN='/bin/kestrel'", "FLEDGE_HOW='exec'"]);
});

it.each([
  ["a program of the guest becomes PID 1", undefined, "exec"],
  ["unless the config says no", false, "child"],
] as const)("%s", (_name, exec, how) => {
  const rootfs = new RootfsTree();
  installInit(rootfs, { mode: "custom", run: "/sbin/init", ...(exec !== undefined && { exec }) });
  expect(initOf(rootfs)).toEqual(["FLEDGE_RUN='/sbin/init'", `FLEDGE_HOW='${how}'`]);
});

it.each([
  [undefined, "child"],
  [true, "exec"],
] as const)("a file of the project is placed and run (exec: %s)", (exec, how) => {
  const from = join(tempDir(), "start");
  writeFileSync(from, "#!/bin/sh\n", { mode: 0o600 });
  const rootfs = new RootfsTree();
  installInit(rootfs, { mode: "custom", run: "/usr/local/bin/start", from, ...(exec !== undefined && { exec }) });
  expect(initOf(rootfs)[1]).toBe(`FLEDGE_HOW='${how}'`);
  expect(rootfs.stat("/usr/local/bin/start")).toMatchObject({ mode: 0o755, size: 10 });
});

it("an init of the base is replaced, not written through", () => {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/lib/systemd", "systemd");
  rootfs.symlink("/lib/systemd", "/init");
  installInit(rootfs, { mode: "default", run: "/bin/kestrel" });
  expect(initOf(rootfs)).toHaveLength(2);
  expect(rootfs.readFile("/lib/systemd").toString()).toBe("systemd");

  const other = new RootfsTree();
  other.symlink("/nowhere", "/init");
  installInit(other, { mode: "default", run: "/bin/kestrel" });
  expect(initOf(other)).toHaveLength(2);
});

it("a file that is missing is named by its key", () => {
  expect(() => installInit(new RootfsTree(), { mode: "custom", run: "/x", from: "/nonexistent/start" })).toThrow(
    expect.objectContaining({
      code: "config",
      message: "init.path: /nonexistent/start does not exist",
      hint: "a relative path is a file of the project; an absolute one is a program in the guest",
    }),
  );
});
