import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { installCommand, launchCommand, urlNote } from "../../../src/volant/commands.ts";
import { minimal, patched } from "./manifests.ts";

describe("installCommand", () => {
  it.each([
    ["/work/web.manifest.json", '"$PWD/web.manifest.json"'],
    ["/work/out/web.manifest.json", '"$PWD/out/web.manifest.json"'],
    ["/srv/out/web.manifest.json", '"/srv/out/web.manifest.json"'],
  ])("names %s by an absolute path", (path, shown) => {
    expect(installCommand(path, "/work")).toBe(`volar plugins install --manifest ${shown}`);
  });

  it.each(['a "b" $(c) `d` \\e', "it's"])("is one word to the shell: %s", (name) => {
    const words = installCommand(`/tmp/${name}/x.json`, "/tmp").replace("volar", "printf '%s\\n'");
    const said = execFileSync("sh", ["-c", words], { cwd: "/tmp", encoding: "utf8" });
    expect(said).toBe(`plugins\ninstall\n--manifest\n/tmp/${name}/x.json\n`);
  });
});

describe("launchCommand", () => {
  const on = (filesystem: string) => launchCommand("web", { kind: "rootfs", filesystem, guestKernel: "custom" });
  const BASE = "volar vms create web --plugin web --kernel /path/to/bzImage";

  it("tells the agent what to mount, unless it assumes so", () => {
    expect(on("ext4")).toEqual({ command: BASE });
    for (const type of ["xfs", "btrfs"]) {
      expect(on(type)).toEqual({ command: `${BASE} --kernel-cmdline "volant.rootfs_fstype=${type}"` });
    }
    expect(launchCommand("web", { kind: "initramfs", codec: "bzip2", guestKernel: "custom" })).toEqual({
      command: BASE,
    });
  });

  it.each(["squashfs", "erofs"])("says that %s needs an overlay", (type) => {
    expect(on(type)).toEqual({
      command: `${BASE} --kernel-cmdline "volant.rootfs_fstype=${type}"`,
      note: expect.stringMatching(new RegExp(`copies itself into the root.*${type} is read-only.*overlay`)),
    });
  });

  it("leaves the stock kernel to Volant", () => {
    expect(launchCommand("web", { kind: "rootfs", filesystem: "xfs", guestKernel: "stock" })).toBeUndefined();
  });
});

it("a manifest for a URL names its artifact by one", () => {
  for (const url of ["web-rootfs.img", "/srv/web-rootfs.img"]) {
    expect(urlNote(patched(minimal(), "rootfs.url", url) as never)).toContain(`URL as rootfs.url`);
  }
  expect(urlNote(patched(minimal(), "rootfs.url", "https://example.org/web.img") as never)).toBeUndefined();
});
