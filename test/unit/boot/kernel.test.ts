import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { findKernel, type Kernel, type KernelPlaces, type KernelWish } from "../../../src/boot/kernel.ts";
import { checkKernel, driversFor } from "../../../src/boot/kernel-needs.ts";
import { modulesFor } from "../../../src/boot/modules.ts";
import { boardFor } from "../../../src/boot/plan.ts";
import type { Medium } from "../../../src/boot/subject.ts";
import type { FledgeError } from "../../../src/lib/errors.ts";
import { project } from "../../helpers/project.ts";

/** The header of a bzImage of that release. */
function bzImage(release: string): Buffer {
  const image = Buffer.alloc(0x1400);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(0x1000, 0x20e);
  image.write(`${release} (somebody) #1`, 0x1200, "latin1");
  return image;
}

function machine() {
  const folder = project({
    "boot/config-6.1.0-9-cloud-amd64": "CONFIG_RD_GZIP=y\n",
    "modules/6.1.0-9-cloud-amd64/modules.dep":
      "k/virtio-net.ko: k/virtio.ko k/ring.ko\nk/virtio.ko: k/ring.ko\nk/ring.ko:\n",
    "modules/6.1.0-9-cloud-amd64/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    ...Object.fromEntries(
      ["virtio-net", "virtio", "ring"].map((name) => [`modules/6.1.0-9-cloud-amd64/k/${name}.ko`, name]),
    ),
  });
  for (const release of ["6.1.0-9-cloud-amd64", "6.1.0-10-amd64", "6.1.0-8-cloud-amd64"]) {
    writeFileSync(join(folder, "boot", `vmlinuz-${release}`), bzImage(release));
  }
  return { folder, places: { boot: join(folder, "boot"), modules: join(folder, "modules") } };
}

const around = { env: {}, signal: new AbortController().signal, cacheDir: "/nowhere" };

test("the newest that is made for guests is taken, with its configuration", async () => {
  const { places } = machine();
  const kernel = await findKernel({}, around, places);
  expect(kernel).toMatchObject({
    from: "this machine's",
    release: "6.1.0-9-cloud-amd64",
    config: "CONFIG_RD_GZIP=y\n",
  });
});

test("one that is given wins, then the config's, then FLEDGE_KERNEL", async () => {
  const { folder, places } = machine();
  const [a, b] = [join(folder, "boot/vmlinuz-6.1.0-10-amd64"), join(folder, "boot/vmlinuz-6.1.0-8-cloud-amd64")];
  const from = async (wish: KernelWish) => await findKernel(wish, { ...around, env: { FLEDGE_KERNEL: b } }, places);
  expect(await from({ given: a, configured: b })).toMatchObject({ path: a, from: "given" });
  expect(await from({ configured: a })).toMatchObject({ path: a, from: "the config's" });
  expect(await from({})).toMatchObject({ path: b, from: "FLEDGE_KERNEL" });
});

test("what is none, not there, or for another processor, is an error that says what to do", async () => {
  const { folder, places } = machine();
  writeFileSync(join(folder, "text"), "no kernel");
  const find = (wish: KernelWish, where: KernelPlaces = places) => findKernel(wish, around, where);
  await expect(find({ given: join(folder, "text") })).rejects.toThrow("is no kernel");
  await expect(find({ given: join(folder, "absent") })).rejects.toThrow("cannot read");
  await expect(find({}, { boot: folder, modules: folder })).rejects.toThrow("no kernel that this user can read");
  await expect(find({ architecture: "arm64" })).rejects.toThrow("no kernel for arm64 that this user can read");
  await expect(find({ given: join(folder, "boot/vmlinuz-6.1.0-10-amd64"), architecture: "arm64" })).rejects.toThrow(
    /the guest is for arm64, and the kernel .* for amd64/,
  );
});

const CONFIG =
  "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_NET=y\nCONFIG_EXT4_FS=m\n";

/** A kernel that has its configuration in it, as CONFIG_IKCONFIG does. */
function withConfig(): Buffer {
  return Buffer.concat([Buffer.from("code IKCFG_ST"), gzipSync(CONFIG), Buffer.from("IKCFG_ED more")]);
}

function packed(payload: Buffer, size: Buffer): Buffer {
  const image = Buffer.concat([bzImage("6.6.0-volant"), payload, size]);
  image.writeUInt8(1, 0x1f1); // the payload begins after two sectors and what its offset says
  image.writeUInt32LE(0x1400 - 1024, 0x248);
  image.writeUInt32LE(payload.length + size.length, 0x24c);
  return image;
}

test.each([
  ["gzip", () => packed(gzipSync(withConfig()), Buffer.alloc(0))],
  ["xz", () => packed(execFileSync("xz", ["-c", "--check=crc32"], { input: withConfig() }), Buffer.alloc(4, 1))],
])("the configuration inside of a bzImage is read, packed by %s", async (_, image) => {
  const path = join(project({}), "bzImage");
  writeFileSync(path, image());
  const kernel = await findKernel({ given: path }, { ...around, env: process.env });
  expect(kernel).toEqual({ path, from: "given", architecture: "amd64", release: "6.6.0-volant", config: CONFIG });
});

test.each([
  ["plain", false],
  ["packed as a whole", true],
])("kernels of arm64 are told by their header, %s", async (_, isPacked) => {
  const image = Buffer.alloc(4096);
  image.write("ARM\x64", 56, "latin1");
  const path = join(project({}), "vmlinuz-6.1.0-9-cloud-arm64");
  writeFileSync(path, isPacked ? gzipSync(image) : image);
  expect(await findKernel({ given: path }, around)).toMatchObject({
    architecture: "arm64",
    release: "6.1.0-9-cloud-arm64",
  });
});

test("all that a kernel lacks for an artifact is named before the boot", () => {
  const kernel: Kernel = { path: "/k", from: "given", architecture: "amd64", config: CONFIG };
  const disk = { kind: "rootfs", filesystem: "ext4" } as const;
  const problems = (medium: Medium, of: Kernel = kernel) => {
    try {
      checkKernel(of, medium, driversFor(medium, "q35", false));
      return [];
    } catch (error) {
      return (error as FledgeError).problems?.map(({ message }) => message);
    }
  };
  expect(problems({ kind: "initramfs", codec: "gzip" })).toEqual([]);
  expect(problems({ kind: "initramfs", codec: "zstd" })).toEqual([
    "it cannot unpack an initramfs that is compressed with zstd (CONFIG_RD_ZSTD=y)",
  ]);
  expect(problems(disk)).toEqual([
    "it has no virtio_blk built in, and no modules here (CONFIG_VIRTIO_BLK=y)",
    "it has no ext4 built in, and no modules here (CONFIG_EXT4_FS=y)",
  ]);
  const { config: _, ...unknown } = kernel;
  expect(problems(disk, unknown)).toEqual([]);
});

test("modules are loaded after what they need, and what is built in is not", async () => {
  const kernel = await findKernel({}, around, machine().places);
  const modules = await modulesFor(kernel, ["virtio_net", "ext4"], around);
  expect(modules.map(({ name }) => name)).toEqual(["ring", "virtio", "virtio_net"]);
  expect(Buffer.from(modules[0]?.data ?? []).toString()).toBe("ring");
  expect((await modulesFor(kernel, ["ring"], around)).map(({ name }) => name)).toEqual(["ring"]);
  await expect(modulesFor(kernel, ["net"], around)).rejects.toThrow("has no net");
  await expect(modulesFor(kernel, ["erofs"], around)).rejects.toThrow("has no erofs, neither built in nor as a module");
  const { modules: _folder, ...own } = kernel;
  expect(await modulesFor(own, ["erofs"], around)).toEqual([]);
});

test("the board is the smallest that boots: microvm under KVM with virtio-mmio built in", () => {
  const kernel: Kernel = { path: "/k", from: "given", architecture: "amd64", config: "CONFIG_VIRTIO_MMIO=y\n" };
  const [kvm, tcg] = [{ accelerator: "kvm" }, { accelerator: "tcg" }] as const;
  expect(boardFor(kernel, { name: "QEMU" }, kvm)).toBe("microvm");
  expect(boardFor(kernel, { name: "QEMU" }, tcg)).toBe("q35");
  expect(boardFor({ ...kernel, config: "CONFIG_VIRTIO_MMIO=m\n" }, { name: "QEMU" }, kvm)).toBe("q35");
  expect(boardFor(kernel, { name: "Cloud Hypervisor" }, kvm)).toBe("q35");
  expect(boardFor({ ...kernel, architecture: "arm64" }, { name: "QEMU" }, kvm)).toBe("virt");
});
