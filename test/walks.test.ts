import { expect, test } from "vitest";
import { files, local } from "./helpers/source-imports.ts";

// How many files somebody reads who follows one thing through the source: those that are handed it. The number is the
// most that there may be; who needs one more finds out here that the way got longer.

const CLI = ["cli/main.ts", "cli/run.ts", "cli/commands.ts", "cli/commands/build.ts", "cli/targets.ts"];

const CONFIG = [
  "config/project.ts",
  "config/find.ts",
  "config/layers.ts",
  "config/dotenv.ts",
  "config/evaluate.ts",
  "config/modules/importer.ts",
  "config/toml/read.ts",
  "config/toml/convert.ts",
  "config/explain.ts",
  "config/host-paths.ts",
  "config/merge.ts",
  "config/resolve/index.ts",
];

const MAPPING = [
  ...CLI,
  ...CONFIG.filter((file) => !/find|dotenv|importer/.test(file)),
  "config/resolve/guest.ts",
  "build.ts",
  "pipeline/plan.ts",
  "pipeline/run.ts",
  "pipeline/stages/guest.ts",
  "guest/mappings/apply.ts",
  "rootfs/host.ts",
  "rootfs/tree.ts",
  "pipeline/stages/image.ts",
  "rootfs/seal.ts",
  "pipeline/imager.ts",
  "imagers/ext4/index.ts",
  "imagers/ext4/layout/plan.ts",
  "imagers/ext4/writer/write.ts",
  "imagers/ext4/writer/contents.ts",
  "imagers/ext4/writer/sink.ts",
];

const LAYER = [
  "pipeline/stages/source.ts",
  "sources/index.ts",
  "sources/image/index.ts",
  "registry/repository.ts",
  "registry/mirrors.ts",
  "registry/endpoint.ts",
  "registry/auth.ts",
  "registry/challenge.ts",
  "registry/credentials.ts",
  "registry/blob-stream.ts",
  "lib/network/http.ts",
  "lib/network/http-step.ts",
  "lib/network/retry.ts",
  "sources/oci/image-source.ts",
  "sources/oci/resolve.ts",
  "sources/oci/choose.ts",
  "registry/manifest.ts",
  "sources/oci/fetch.ts",
  "store/layers.ts",
  "store/layer-entry.ts",
  "store/leases.ts",
  "store/layer-write.ts",
  "store/staging.ts",
  "store/sequential-writer.ts",
  "lib/decompress.ts",
  "lib/digest.ts",
  "rootfs/tar/read.ts",
  "rootfs/tar/parser.ts",
  "rootfs/tar/member.ts",
  "rootfs/tar/header.ts",
  "rootfs/tar/pax.ts",
  "rootfs/layers/layer-index.ts",
  "rootfs/layers/apply.ts",
  "rootfs/layers/whiteouts.ts",
  "rootfs/layers/placer.ts",
];

test.each([
  ["reading a config", CONFIG, 12],
  ["a mapping, from its line in fledge.toml to a block of an ext4 image", MAPPING, 30],
  ["a layer, from the registry into the tree", LAYER, 35],
])("%s", (_what, walk, most) => {
  expect(walk.filter((file) => !files.includes(file))).toEqual([]);
  // Each is called, sooner or later, by one that was read before.
  const unreached = walk.slice(1).filter((file) => {
    const readers = new Set(local.filter(({ to }) => to === file).map(({ from }) => from));
    return !walk.slice(0, walk.indexOf(file)).some((before) => readers.has(before));
  });
  expect(unreached).toEqual([]);
  expect(walk.length).toBeLessThanOrEqual(most);
});
