import { expect, it } from "vitest";
import {
  addUser,
  type CustomImager,
  defineImager,
  definePlugin,
  defineSource,
  defineStage,
  formatEnv,
  imageConfig,
  installTree,
  layerFromTar,
  RootfsTree,
  renderTemplate,
  runProgram,
  serviceScript,
  stripDocs,
  writeHashed,
  writeTar,
} from "../../src/index.ts";

// What must not compile is marked; tsc fails when a marked line does compile. Nothing in here runs but what returns at once.

const pin = async () => ({ reference: "x" });
const suffix = "-rootfs.x";

it("returns what it was given", () => {
  const source = { name: "x", pin, async *layers() {} };
  expect(defineSource(source)).toBe(source);
  const imager: CustomImager = {
    name: "x",
    suffix,
    isBootable: false,
    write: async () => ({ sizeBytes: 0, digest: "sha256:" }),
  };
  expect(defineImager(imager)).toBe(imager);
});

it("infers what a source is handed, and keeps it to its contract", () => {
  const source = defineSource({
    name: "x",
    requirements: () => [{ kind: "tool", anyOf: [{ name: "tar", reason: "pack", package: "tar" }] }],
    pin,
    async *layers({ reference }, ctx) {
      ctx.fact("from", reference);
      yield await layerFromTar(runProgram("tar", ["-c", "."], { ...ctx, cwd: "/" }), ctx, { label: reference });
    },
    image: async () => imageConfig({ architecture: "amd64", config: { Cmd: ["/bin/app"] } }),
  });
  definePlugin({ strategy: "oci_rootfs", source: { custom: source } });
  definePlugin({ strategy: "initramfs", source: { custom: source } });
  // @ts-expect-error a kind of source beside another
  definePlugin({ strategy: "oci_rootfs", source: { custom: source, plattform: "x" } });
  // @ts-expect-error not a source
  definePlugin({ strategy: "oci_rootfs", source: { custom: "debian" } });
  // @ts-expect-error no layers
  defineSource({ name: "x", pin });
  // @ts-expect-error no name
  defineSource({ pin, async *layers() {} });
  // @ts-expect-error misspelt
  defineSource({ name: "x", pin, async *layers() {}, imgae: async () => imageConfig({ architecture: "amd64" }) });
  // @ts-expect-error a pin says what it is of
  defineSource({ name: "x", pin: async () => ({}), async *layers() {} });
  async function* names() {
    yield "layer.tar";
  }
  // @ts-expect-error not layers
  defineSource({ name: "x", pin, layers: names });
});

it("infers what an imager is handed, and keeps it to its contract", () => {
  const imager = defineImager({
    name: "tar",
    suffix,
    isBootable: false,
    write: (tree, out, ctx) => writeHashed(out, writeTar(tree, ctx), ctx),
    verify: async (tree, image) => void [tree.contentBytes, image.length],
  });
  definePlugin({ strategy: "oci_rootfs", filesystem: { type: "custom", imager } });
  // @ts-expect-error an archive has no filesystem
  definePlugin({ strategy: "initramfs", filesystem: { type: "custom", imager } });
  // @ts-expect-error which one?
  definePlugin({ strategy: "oci_rootfs", filesystem: { type: "custom" } });
  // @ts-expect-error an imager is of the type custom
  definePlugin({ strategy: "oci_rootfs", filesystem: { type: "tar", imager } });
  // @ts-expect-error an option of ext4
  definePlugin({ strategy: "oci_rootfs", filesystem: { type: "custom", imager, headroom: "64M" } });
  // @ts-expect-error says nothing of what it wrote
  defineImager({ name: "x", suffix, isBootable: false, write: async () => {} });
  // @ts-expect-error may Volant boot it?
  defineImager({ name: "x", suffix, write: imager.write });
  defineImager({
    name: "x",
    suffix,
    isBootable: false,
    write: async (tree, out, ctx) => {
      // @ts-expect-error the sealed tree is read only
      tree.entries.pop();
      return await imager.write(tree, out, ctx);
    },
  });
});

it("lets a stage touch what its phase has, and no more", () => {
  defineStage({
    name: "x",
    phase: "rootfs",
    run: ({ rootfs, pin: of }, { fact }) => fact("x", [rootfs.exists("/"), of?.reference ?? null]),
  });
  // @ts-expect-error there is no tree before it is merged
  defineStage({ name: "x", phase: "source", run: ({ rootfs }) => void rootfs });
  // @ts-expect-error a sealed tree is no longer to be changed
  defineStage({ name: "x", phase: "image", run: ({ rootfs }) => void rootfs });
  // @ts-expect-error nothing is written yet
  defineStage({ name: "x", phase: "image", run: ({ artifact }) => void artifact });
  // @ts-expect-error what is written is written
  defineStage({ name: "x", phase: "artifact", run: ({ tree }) => void tree });
  // @ts-expect-error it is not to be moved
  defineStage({ name: "x", phase: "artifact", run: ({ artifact }) => (artifact.path = "/tmp/x") });
});

it("lets a hook see what its moment has, and facts be JSON", () => {
  definePlugin({
    strategy: "initramfs",
    hooks: {
      "source:pinned": ({ pin: of, fact }) => fact("digest", of.digest ?? null),
      "build:done": ({ result }) => void result.facts.digest,
      // @ts-expect-error the tree is sealed by then
      "image:written": ({ rootfs }) => void rootfs,
      // @ts-expect-error nothing is merged yet
      "config:resolved": ({ rootfs }) => void rootfs,
    },
  });
  definePlugin({
    strategy: "initramfs",
    hooks: {
      "rootfs:ready": ({ fact }) => {
        // @ts-expect-error JSON has no dates
        fact("at", new Date());
        // @ts-expect-error nor functions
        fact("how", { run: () => {} });
        // @ts-expect-error nor nothing
        fact("what", undefined);
      },
    },
  });
});

it("knows the options of its helpers", () => {
  const rootfs = new RootfsTree();
  const misuse = (): void => {
    // @ts-expect-error misspelt
    addUser(rootfs, { name: "app", homedir: "/srv" });
    // @ts-expect-error misspelt
    installTree(rootfs, ".", "/srv", { mode: 0o644 });
    // @ts-expect-error misspelt
    stripDocs(rootfs, { manuals: false });
    // @ts-expect-error a command is a list
    serviceScript({ command: "/bin/app" });
    // @ts-expect-error an empty one is none
    serviceScript({ command: [] });
    // @ts-expect-error no such policy
    serviceScript({ command: ["/bin/app"], restart: "sometimes" });
    // @ts-expect-error not a text
    formatEnv({ A: undefined });
    // @ts-expect-error not a text
    renderTemplate("{{ a }}", { a: null });
  };
  expect(misuse).toBeTypeOf("function");
});
