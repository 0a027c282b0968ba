import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fetchBusybox } from "../../../../src/guest/busybox/busybox.ts";
import { DEFAULT_BUSYBOX } from "../../../../src/guest/busybox/options.ts";
import { sha256 } from "../../../../src/lib/digest.ts";
import { testContext } from "../../../helpers/context.ts";
import { file, httpServer } from "../../../helpers/file-server.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";
import { tempDir } from "../../../helpers/temp.ts";

const hint = 'a static one is needed: sudo apt-get install -y busybox-static, then busybox.path = "/bin/busybox"';

function setUp() {
  const baseDir = tempDir();
  return { ...testContext({ cacheDir: join(baseDir, "cache"), env: {} }), baseDir };
}

describeWith("fetchBusybox", [requireTools("busybox")], () => {
  it("takes a path, a file URL and a URL", async () => {
    const digest = sha256(readFileSync("/bin/busybox"));
    const server = await httpServer({ "/box": file(readFileSync("/bin/busybox")) });
    const ctx = setUp();
    const byPath = await fetchBusybox({ path: "/bin/busybox" }, ctx);
    expect(byPath).toMatchObject({ path: "/bin/busybox", digest });
    expect(byPath.applets.length).toBeGreaterThan(100);
    expect(ctx.logs).toEqual([`BusyBox ${digest} offers ${byPath.applets.length} applets`]);
    expect(await fetchBusybox({ url: "file:///bin/busybox" }, ctx)).toEqual(byPath);
    const { applets } = await fetchBusybox({ url: server.url("/box"), sha256: digest }, ctx);
    expect(applets).toEqual(byPath.applets);
    expect(ctx.warnings).toEqual([]);
  });

  it("compares the checksum, its own for the default", async () => {
    await expect(fetchBusybox({ path: "/bin/busybox", sha256: sha256("x") }, setUp())).rejects.toMatchObject({
      code: "checksum",
    });
    expect(DEFAULT_BUSYBOX.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

it("refuses what is no program, by the name that the config gives it", async () => {
  const server = await httpServer({ "/box": file("<html>") });
  await expect(fetchBusybox({ url: server.url("/box?sig=s3cret") }, setUp())).rejects.toMatchObject({
    code: "config",
    message: `${server.url("/box")} cannot be the guest's BusyBox: it is not a program`,
    hint,
  });
});

it("refuses a dynamic program, and one that is no BusyBox", async () => {
  await expect(fetchBusybox({ path: "/bin/ls" }, setUp())).rejects.toMatchObject({
    message: expect.stringMatching(
      /^\/bin\/ls cannot be the guest's BusyBox: it is dynamically linked \(it needs \/lib/,
    ),
    hint,
  });
  const ctx = setUp();
  const elf = Buffer.alloc(64);
  elf.write("\x7fELF\x02\x01\x01", "latin1");
  elf.writeUInt16LE(62, 18);
  writeFileSync(join(ctx.baseDir, "static"), elf);
  await expect(fetchBusybox({ path: "static" }, ctx)).rejects.toThrow(
    "static cannot be the guest's BusyBox: it has no table of applets",
  );
});
