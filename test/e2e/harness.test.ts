import { rmSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { script, writeInitramfs } from "../helpers/initramfs.ts";
import { bootGuest, qemuArgs, requireBoot } from "../helpers/qemu.ts";
import { describeWith, requireRoot, requireTools, unmet } from "../helpers/requirements.ts";

describe("qemuArgs", () => {
  it("has no devices but the serial port unless asked", () => {
    expect(qemuArgs({ initrd: "i" }, "k").join(" ")).toBe(
      "-accel tcg -cpu max -m 256 -nodefaults -display none -serial stdio -no-reboot -kernel k -initrd i -append console=ttyS0 panic=-1 no_timer_check",
    );
  });

  it("adds drives and ports", () => {
    const drives = [{ path: "/a,b", format: "raw", readonly: true } as const];
    const args = qemuArgs({ initrd: "i", append: "quiet", drives, forwards: [{ hostPort: 8080, guestPort: 80 }] }, "k");
    expect(args.slice(args.indexOf("-append"))).toEqual([
      ...["-append", "console=ttyS0 panic=-1 no_timer_check quiet"],
      ...["-drive", "if=virtio,file=/a,,b,format=raw,readonly=on"],
      ...["-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80", "-device", "virtio-net-pci,netdev=net0"],
    ]);
  });
});

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
    const drives = [{ path: initrd, format: "raw", readonly: true } as const];
    const forwards = [{ hostPort: 0, guestPort: 80 }];
    const result = await bootGuest({ initrd, until: /^tick$/m, append: "quiet", drives, forwards });
    expect(result).toMatchObject({ exitCode: null, poweredOff: false });
  });

  it("stops a guest that hangs, and shows the end of its console", async () => {
    await expect(bootGuest({ initrd, append: "quiet", timeoutMs: 40_000 })).rejects.toThrow(
      /still ran after 40000 ms; the end of its console:\n(.*\n)*tick/,
    );
  });

  it("shows what QEMU has to say about a bad option", async () => {
    await expect(bootGuest({ initrd: "/no/such/file" })).rejects.toThrow(/exited with 1: .*\/no\/such\/file/);
  });
});
