import { expect, it } from "vitest";
import { z } from "zod";
import { definePlugin, defineStage } from "../../src/config/define.ts";
import { definePreset } from "../../src/config/preset.ts";

// What must not compile is marked; tsc fails when a marked line does compile.

it("returns what it was given", () => {
  const config = { strategy: "initramfs" as const, init: { none: true as const } };
  expect(definePlugin(config)).toBe(config);
});

it("knows the keys of a strategy", () => {
  definePlugin({ strategy: "oci_rootfs", source: { image: "nginx:alpine" }, filesystem: { headroom: "64M" } });
  definePlugin({
    strategy: "initramfs",
    init: { path: "./init.sh" },
    busybox: false,
    archive: { compression: "zstd" },
  });
  // @ts-expect-error an archive has no filesystem
  definePlugin({ strategy: "initramfs", filesystem: { type: "ext4" } });
  // @ts-expect-error a disk image is started by its own init
  definePlugin({ strategy: "oci_rootfs", init: { none: true } });
  // @ts-expect-error misspelt
  definePlugin({ strategy: "oci_rootfs", mapping: {} });
  // @ts-expect-error no such strategy
  definePlugin({ strategy: "iso" });
});

it("keeps the variants of a union apart", () => {
  definePlugin({ strategy: "initramfs", agent: { url: "https://example.org/kestrel", checksum: "sha256:00" } });
  definePlugin({ strategy: "initramfs", agent: false });
  // @ts-expect-error true says nothing
  definePlugin({ strategy: "initramfs", agent: true });
  // @ts-expect-error the url of nothing
  definePlugin({ strategy: "initramfs", agent: { checksum: "sha256:00" } });
});

it("takes functions and promises", () => {
  definePlugin(({ mode, platform, env }) => ({ strategy: "initramfs", name: `${mode}-${platform}`, version: env.V }));
  definePlugin(async () => ({ strategy: "oci_rootfs", source: { dir: "." } }));
  definePlugin(Promise.resolve({ strategy: "oci_rootfs" as const }));
  definePlugin(({ env }) => {
    if (env.SMALL) return { strategy: "initramfs", archive: { compression: "zstd" } };
    return { strategy: "oci_rootfs", hooks: { "rootfs:ready": ({ rootfs }) => void rootfs.rm("/x") } };
  });
  // @ts-expect-error no such mode of init
  definePlugin(() => ({ strategy: "initramfs", init: { none: false } }));
});

it("refuses what is too much in what a function returns", () => {
  // @ts-expect-error misspelt
  definePlugin(() => ({ strategy: "oci_rootfs", mapings: {} }));
  // @ts-expect-error misspelt
  definePlugin(async () => ({ strategy: "oci_rootfs", mapings: {} }));
  // @ts-expect-error a disk image is started by its own init
  definePlugin(({ mode }) => {
    return { strategy: "oci_rootfs", name: mode, init: { none: true } };
  });
});

it("types hooks by name", () => {
  definePlugin({ strategy: "initramfs", hooks: { "rootfs:ready": ({ rootfs }) => void rootfs } });
  // @ts-expect-error misspelt
  definePlugin({ strategy: "initramfs", hooks: { "rootfs:redy": () => {} } });
  // @ts-expect-error not a function
  definePlugin({ strategy: "initramfs", hooks: { "rootfs:ready": "echo" } });
});

it("types presets and stages", () => {
  definePreset({ meta: { name: "web" }, manifest: { workload: { baseUrl: "http://127.0.0.1:80" } } });
  definePreset((options: { port: number }) => ({
    meta: { name: "web" },
    manifest: { labels: { p: `${options.port}` } },
  }));
  const web = definePreset({
    name: "web",
    options: z.object({ port: z.int().default(80), site: z.string() }),
    setup: ({ port, site }, { resolve }) => ({ version: port.toFixed(), mappings: { [resolve(site)]: "/srv" } }),
  });
  definePlugin({ strategy: "oci_rootfs", extends: [web({ site: "./public" }), ["web", { port: 1 }], "./base.ts"] });
  // @ts-expect-error an option that has no default
  web();
  // @ts-expect-error misspelt
  web({ site: "./public", prot: 80 });
  // @ts-expect-error of another type
  web({ site: "./public", port: "80" });
  const base = definePreset({ name: "base", setup: (_: { size?: number }) => ({}) });
  definePlugin({ strategy: "initramfs", extends: [base, base(), base({ size: 1 })] });
  // @ts-expect-error needs its options
  definePlugin({ strategy: "initramfs", extends: [web] });
  // @ts-expect-error no part of a recipe
  definePreset({ name: "base", setup: () => ({ mapping: {} }) });
  // @ts-expect-error whose is it?
  definePreset({ manifest: {} });
  defineStage({ name: "strip", phase: "rootfs", after: "mappings", run: () => {} });
  defineStage({ name: "strip", phase: "rootfs", after: "one-of-a-preset", run: () => {} });
  // @ts-expect-error no such phase
  defineStage({ name: "strip", phase: "later", run: () => {} });
});
