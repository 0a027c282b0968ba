import { expect, test } from "vitest";
import { qemuArgs } from "../../../../src/boot/qemu/argv.ts";
import { parseUsernet } from "../../../../src/boot/qemu/usernet.ts";

const SPEC = {
  board: "q35",
  kernel: "/k",
  commandLine: "console=ttyS0",
  memoryMb: 256,
  cpus: 2,
  forwards: [],
  hasChannel: false,
} as const;

test("a guest without disk, initramfs and ports", () => {
  const line = qemuArgs(SPEC, "tcg").join(" ");
  expect(line).toContain("-machine q35 -accel tcg -cpu max -m 256 -smp 2 ");
  expect(line).toContain("-kernel /k -append console=ttyS0 no_timer_check -netdev user,id=net0 ");
  expect(line).not.toMatch(/-initrd|-drive/);
});

test("the disk is written to only when it is kept, and commas in names are no options", () => {
  const disk = (isKept: boolean) => qemuArgs({ ...SPEC, disk: { path: "/a,b.img", isKept } }, "kvm").join(" ");
  expect(disk(false)).toContain("file=/a,,b.img,snapshot=on -device virtio-blk-pci");
  expect(disk(true)).toContain("snapshot=off");
  expect(disk(true)).toContain("-accel kvm -cpu host");
  expect(disk(true)).not.toContain("no_timer_check");
});

test("each board has its own bus, processor and words", () => {
  const disk = { path: "/d", isKept: false };
  const microvm = qemuArgs({ ...SPEC, board: "microvm", disk, hasChannel: true }, "tcg").join(" ");
  expect(microvm).toContain("-machine microvm -accel tcg -cpu max ");
  expect(microvm).toContain(" -device virtio-blk-device,drive=disk0 ");
  expect(microvm).toContain(" -device virtio-net-device,netdev=net0 ");
  expect(microvm).toContain(" -device virtio-serial-device ");
  const virt = qemuArgs({ ...SPEC, board: "virt", commandLine: "console=ttyAMA0" }, "tcg").join(" ");
  expect(virt).toContain("-machine virt -accel tcg -cpu cortex-a72 ");
  expect(virt).toContain("-append console=ttyAMA0 -netdev ");
});

test("ports are forwarded from 127.0.0.1 alone", () => {
  const forwards = [
    { hostPort: 8080, guestPort: 80 },
    { hostPort: 0, guestPort: 81 },
  ];
  expect(qemuArgs({ ...SPEC, forwards }, "tcg")).toContain(
    "user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:127.0.0.1:0-:81",
  );
});

test("the connections of the user network are read as QEMU 7.2 lists them", () => {
  const text =
    "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
    "  TCP[ESTABLISHED]   12       127.0.0.1 41567       10.0.2.15    80     0     0\r\n" +
    "  TCP[HOST_FORWARD]   4       127.0.0.1 41567       10.0.2.15    80     0     0\r\n";
  expect(parseUsernet(text)).toEqual([
    { state: "ESTABLISHED", fromPort: 41567, toPort: 80 },
    { state: "HOST_FORWARD", fromPort: 41567, toPort: 80 },
  ]);
});
