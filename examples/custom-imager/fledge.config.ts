import { createHash } from "node:crypto";
import { defineImager, definePlugin, runProgram, type Tool, writeHashed, writeTar } from "@volantvm/fledge";

const ZSTD: Tool = { name: "zstd", reason: "pack and unpack the archive", package: "zstd" };

async function digest(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

/** The tree as a tar, streamed through a program: nothing is unpacked, and nothing needs root. */
const tarZst = defineImager({
  name: "tar.zst",
  suffix: "-rootfs.tar.zst",
  isBootable: false,
  requirements: () => [{ kind: "tool", anyOf: [ZSTD] }],
  write: (tree, out, ctx) =>
    writeHashed(out, runProgram(ZSTD, ["-q", "-19", "-c"], { ...ctx, input: writeTar(tree, ctx) }), ctx),
  async verify(tree, image, ctx) {
    const written = await digest(runProgram(ZSTD, ["-dc", image], ctx));
    if (written !== (await digest(writeTar(tree, ctx)))) throw new Error(`${image} does not hold the tree`);
  },
});

export default definePlugin({
  name: "custom-imager",
  version: "1.0.0",
  strategy: "oci_rootfs",
  source: { dir: "./rootfs" },
  filesystem: { type: "custom", imager: tarZst },
});
