import { rmSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { bootGuest, requireBoot } from "../helpers/guest.ts";
import { script, writeInitramfs } from "../helpers/initramfs.ts";
import { describeWith, requireRoot, requireTools, unmet } from "../helpers/requirements.ts";

describe("requirements", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("give the reason to skip on a developer's machine", () => {
    vi.stubEnv("CI", "");
    expect(unmet(requireTools("sh"), requireTools("sh", "no-such-tool"))).toBe("needs no-such-tool: run test/setup.sh");
    expect(unmet(requireTools("sh"))).toBeUndefined();
  });

  it("fail in CI", () => {
    vi.stubEnv("CI", "1");
    expect(() => unmet(requireTools("no-such-tool"))).toThrow("may not be skipped in CI: needs no-such-tool");
  });
});

describeWith("bootGuest", [requireBoot(), requireTools("busybox", "cpio"), requireRoot()], () => {
  let initrd: string;
  beforeAll(() => {
    const archive = writeInitramfs({ "/init": script("while :; do echo tick; sleep 1; done") });
    initrd = archive.path;
    return () => rmSync(archive.folder, { recursive: true });
  });

  it("stops a guest whose console says what was waited for", async () => {
    const { poweredOff, console } = await bootGuest({ initrd, until: /^tick$/m, append: "quiet" });
    expect({ poweredOff, console }).toEqual({ poweredOff: false, console: expect.stringContaining("tick\n") });
  });

  it("stops a guest that hangs, and shows the end of its console", async () => {
    await expect(bootGuest({ initrd, append: "quiet", timeoutMs: 40_000 })).rejects.toThrow(
      /still ran after 40000 ms; the end of its console:\n(.*\n)*tick/,
    );
  });
});
