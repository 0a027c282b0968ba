import { expect, it } from "vitest";
import { imagerFor } from "../../../src/pipeline/imager.ts";
import { namingWarnings, outputsOf } from "../../../src/pipeline/outputs.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

it.each([
  ["none", "/out/small.cpio"],
  ["gzip", "/out/small.cpio.gz"],
] as const)("by the plugin's name, with the suffix of %s", (compression, artifact) => {
  const plugin = smallPlugin({ outDir: "/out", archive: { compression } });
  expect(outputsOf(plugin, imagerFor(plugin))).toEqual({ artifact, manifest: "/out/small.manifest.json" });
});

it.each([
  ["/o/web.cpio.gz", "/o/web.manifest.json"],
  ["/o/web.cpio", "/o/web.manifest.json"],
  ["/o/web-rootfs.img", "/o/web.manifest.json"],
  ["/o/web", "/o/web.manifest.json"],
  ["/o/web.v1", "/o/web.v1.manifest.json"],
])("beside %s", (outFile, manifest) => {
  const plugin = smallPlugin({ outFile });
  expect(outputsOf(plugin, imagerFor(plugin))).toEqual({ artifact: outFile, manifest });
});

it.each([
  ["/o/web.img", "none", true],
  ["/o/web.cpio.gz", "zstd", true],
  ["/o/web.cpio.gz", "none", true],
  ["/o/web.cpio", "none", false],
  ["/o/web.cpio.gz", "gzip", false],
  ["/o/initrd.img", "gzip", false],
  ["/o/web", "gzip", false],
  ["/o/web.v1", "gzip", false],
] as const)("warns of %s for a %s cpio: %s", (outFile, compression, warns) => {
  const plugin = smallPlugin({ outFile, archive: { compression } });
  expect(namingWarnings(plugin, imagerFor(plugin))).toHaveLength(warns ? 1 : 0);
});
