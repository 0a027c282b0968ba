import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findKernel } from "../../../src/boot/kernel.ts";
import { modulesFor, parseDependencies } from "../../../src/boot/modules.ts";
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
    "modules/6.1.0-9-cloud-amd64/modules.dep": "k/virtio_net.ko: k/virtio.ko k/ring.ko\nk/virtio.ko:\nk/ring.ko:\n",
    "modules/6.1.0-9-cloud-amd64/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    ...Object.fromEntries(
      ["virtio_net", "virtio", "ring"].map((name) => [`modules/6.1.0-9-cloud-amd64/k/${name}.ko`, name]),
    ),
  });
  for (const release of ["6.1.0-9-cloud-amd64", "6.1.0-10-amd64", "6.1.0-8-cloud-amd64"]) {
    writeFileSync(join(folder, "boot", `vmlinuz-${release}`), bzImage(release));
  }
  return { folder, places: { boot: join(folder, "boot"), modules: join(folder, "modules") } };
}

const around = { env: {}, signal: new AbortController().signal, cacheDir: "/nowhere" };

test("the newest that is made for guests is taken, with its configuration", () => {
  const { places } = machine();
  const kernel = findKernel(undefined, {}, places);
  expect(kernel).toMatchObject({
    from: "this machine's",
    release: "6.1.0-9-cloud-amd64",
    config: "CONFIG_RD_GZIP=y\n",
  });
});

test("one that is given wins, then FLEDGE_KERNEL", () => {
  const { folder, places } = machine();
  const [a, b] = [join(folder, "boot/vmlinuz-6.1.0-10-amd64"), join(folder, "boot/vmlinuz-6.1.0-8-cloud-amd64")];
  expect(findKernel(a, { FLEDGE_KERNEL: b }, places)).toMatchObject({ path: a, from: "given" });
  expect(findKernel(undefined, { FLEDGE_KERNEL: b }, places)).toMatchObject({ path: b, from: "FLEDGE_KERNEL" });
});

test("what is none, or not there, is an error that says what to do", () => {
  const { folder, places } = machine();
  writeFileSync(join(folder, "text"), "no kernel");
  expect(() => findKernel(join(folder, "text"), {}, places)).toThrow("is no kernel for x86-64");
  expect(() => findKernel(join(folder, "absent"), {}, places)).toThrow("cannot read");
  expect(() => findKernel(undefined, {}, { boot: folder, modules: folder })).toThrow(
    "no kernel that this user can read",
  );
});

test("modules are loaded after what they need, and what is built in is not", async () => {
  const kernel = findKernel(undefined, {}, machine().places);
  const modules = await modulesFor(kernel, ["virtio_net", "ext4"], around);
  expect(modules.map(({ name }) => name)).toEqual(["ring", "virtio", "virtio_net"]);
  expect(Buffer.from(modules[0]?.data ?? []).toString()).toBe("ring");
  await expect(modulesFor(kernel, ["erofs"], around)).rejects.toThrow("has no erofs, neither built in nor as a module");
  const { modules: _folder, ...own } = kernel;
  expect(await modulesFor(own, ["erofs"], around)).toEqual([]);
});

test("a module without needs is one", () => {
  expect([...parseDependencies("a.ko:\nb.ko: a.ko\n")]).toEqual([
    ["a.ko", []],
    ["b.ko", ["a.ko"]],
  ]);
});
