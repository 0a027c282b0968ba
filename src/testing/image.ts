import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, hexOf, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { hostPlatform } from "../lib/platform.ts";
import { sealTree } from "../rootfs/seal.ts";
import type { Ownership } from "../rootfs/stat.ts";
import { writeTar } from "../rootfs/tar/write.ts";
import { RootfsTree } from "../rootfs/tree.ts";
import type { ImageDocument } from "../sources/custom/layer.ts";

/** A file by its content, with its mode and owner where they matter; or a symlink, or a folder. */
export type TestFile =
  | string
  | Uint8Array
  | ({ readonly data: string | Uint8Array } & Ownership)
  | { readonly symlink: string }
  | ({ readonly dir: true } & Ownership);

/** What the image of `imageForTest` holds. */
export type TestImageOptions = {
  /** By their paths in the guest. */
  readonly files: Readonly<Record<string, TestFile>>;
  /** As an image has it: `{ Entrypoint, Cmd, Env, WorkingDir, ExposedPorts, ... }`. */
  readonly config?: ImageDocument["config"];
  /** Default this machine's. */
  readonly architecture?: string;
};

/** An image in a temporary folder. `await using`, or `cleanup()`, removes it. */
export type TestImage = {
  /** For `source: { image: reference }`. */
  readonly reference: string;
  /** The folder, an OCI image layout. */
  readonly layout: string;
  cleanup(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Makes a small image of one layer, so that the test of a preset needs neither a registry nor the network. */
export async function imageForTest(options: TestImageOptions): Promise<TestImage> {
  const layout = await mkdtemp(join(tmpdir(), "fledge-test-image-"));
  const cleanup = (): Promise<void> => rm(layout, { recursive: true, force: true });
  try {
    await writeLayout(layout, await layerOf(options.files), options);
  } catch (error) {
    await cleanup();
    throw error;
  }
  return { reference: `oci:${layout}:latest`, layout, cleanup, [Symbol.asyncDispose]: cleanup };
}

/** A program that passes fledge's checks in the place of a real one. It is not made to be run. */
export function testProgram(architecture: string = hostPlatform().architecture): Uint8Array {
  const machine = MACHINES[architecture];
  if (machine === undefined) {
    throw new FledgeError("usage", `there is no test program for ${architecture}`, {
      hint: `known: ${Object.keys(MACHINES).join(", ")}`,
    });
  }
  const elf = Buffer.alloc(64);
  elf.write("\x7fELF\x02\x01\x01", "latin1");
  elf.writeUInt16LE(machine, 18);
  return elf;
}

/** ELF's e_machine (elf(5)) of the architectures with 64 bits and little ends. */
const MACHINES: Readonly<Record<string, number>> = { amd64: 62, arm64: 183, riscv64: 243 };

async function layerOf(files: TestImageOptions["files"]): Promise<Buffer> {
  const tree = new RootfsTree();
  for (const [path, file] of Object.entries(files)) put(tree, path, file);
  const ctx = { warn: () => {}, signal: new AbortController().signal };
  const parts: Uint8Array[] = [];
  for await (const part of writeTar(sealTree(tree.root), ctx)) parts.push(part);
  return Buffer.concat(parts);
}

function put(tree: RootfsTree, path: string, file: TestFile): void {
  if (typeof file === "string" || file instanceof Uint8Array) tree.writeFile(path, file);
  else if ("symlink" in file) tree.symlink(file.symlink, path);
  else if ("dir" in file) tree.mkdir(path, file);
  else tree.writeFile(path, file.data, file);
}

const MEDIA = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  manifest: "application/vnd.oci.image.manifest.v1+json",
};

type Descriptor = { readonly mediaType: string; readonly digest: Digest; readonly size: number };

async function writeLayout(folder: string, layer: Buffer, options: TestImageOptions): Promise<void> {
  const blobs = join(folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const digest = sha256(bytes);
    await writeFile(join(blobs, hexOf(digest)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const { config = {}, architecture = hostPlatform().architecture } = options;
  const rootfs = { type: "layers", diff_ids: [sha256(layer)] };
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await put(MEDIA.config, json({ architecture, os: "linux", config, rootfs })),
    layers: [await put(MEDIA.layer, layer)],
  };
  const descriptor = await put(MEDIA.manifest, json(manifest));
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  await writeFile(join(folder, "index.json"), json({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] }));
  await writeFile(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
