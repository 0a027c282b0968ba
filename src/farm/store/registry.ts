import { open } from "node:fs/promises";
import { z } from "zod";
import type { RunContext } from "../../lib/context.ts";
import { type Digest, digestFrom } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { fetchFile, type Piece, Progress, pushPieces, putBytes } from "../../publish/files-in-pieces.ts";
import type { RegistryReference } from "../../registry/reference.ts";
import { openRepository } from "../../registry/repository.ts";
import { readBlob, readManifest } from "../../registry/storage.ts";
import { Uploads } from "../../registry/upload.ts";
import type { FarmStore, LocalFile, StoredFile } from "./contract.ts";

// A set is a tag of an artifact: its config lists the files and their pieces, its layers are all the pieces, so that the
// registry's garbage collection keeps them.
const ARTIFACT_TYPE = "application/vnd.volant.fledge.files.v1";
const CONFIG_TYPE = "application/vnd.volant.fledge.files.v1+json";
const PIECE_TYPE = "application/vnd.volant.fledge.piece.v1+gzip";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

const digest = z.custom<Digest>((value) => typeof value === "string" && digestFrom(value) !== undefined);
const setSchema = z.object({
  files: z.array(
    z.object({
      name: z.string(),
      digest,
      sizeBytes: z.int().min(0),
      pieces: z.array(z.object({ digest, size: z.int().min(0) })),
    }),
  ),
});

type StoredSet = z.infer<typeof setSchema>;

/** A repository of an OCI registry as a farm's store. */
export class RegistryStore implements FarmStore {
  readonly name: string;
  readonly #reference: RegistryReference;
  readonly #uploads: Uploads;
  readonly #ctx: RunContext;

  constructor(name: string, reference: RegistryReference, ctx: RunContext) {
    this.name = name;
    this.#reference = reference;
    this.#ctx = ctx;
    this.#uploads = new Uploads(reference, { registries: {}, patience: {} }, ctx);
  }

  async list(set: string): Promise<readonly StoredFile[] | undefined> {
    return (await this.#uploads.hasManifest(set)) ? (await this.#read(set)).files : undefined;
  }

  async put(set: string, files: readonly LocalFile[]): Promise<void> {
    const progress = new Progress(
      files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      this.#ctx,
    );
    const stored: StoredSet["files"] = [];
    for (const file of files) stored.push({ ...file, pieces: [...(await this.#putFile(file, progress))] });
    const own = stored.map(({ name, digest, sizeBytes, pieces }) => ({ name, digest, sizeBytes, pieces }));
    const config = await putBytes(this.#uploads, progress, Buffer.from(JSON.stringify({ files: own })));
    const layers = own.flatMap(({ pieces }) => pieces.map((piece) => ({ mediaType: PIECE_TYPE, ...piece })));
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: ARTIFACT_TYPE,
      config: { mediaType: CONFIG_TYPE, ...config },
      layers,
    };
    await this.#uploads.putManifest(set, Buffer.from(JSON.stringify(manifest)), MANIFEST_TYPE);
  }

  async get(set: string, name: string, to: string): Promise<void> {
    const file = (await this.#read(set)).files.find((one) => one.name === name);
    if (file === undefined) throw new FledgeError("source", `${set} of ${this.name} has no ${name}`);
    const { digest: whole, sizeBytes, pieces } = file;
    const parts = pieces.map((piece) => ({ mediaType: PIECE_TYPE, ...piece, annotations: {} }));
    await fetchFile(to, this.#storage(), { digest: whole, sizeBytes, parts, isPacked: true }, this.#ctx);
  }

  async #putFile({ path, digest: whole, sizeBytes }: LocalFile, progress: Progress): Promise<readonly Piece[]> {
    const file = await open(path).catch((error: unknown) => {
      throw ioError(error, "read", path);
    });
    try {
      return await pushPieces({ file, digest: whole, sizeBytes }, this.#uploads, progress, this.#ctx);
    } finally {
      await file.close();
    }
  }

  #storage() {
    return openRepository(this.#reference, { registries: {}, patience: {} }, this.#ctx);
  }

  async #read(set: string): Promise<StoredSet> {
    const storage = this.#storage();
    const { manifest } = await readManifest(storage, set, undefined);
    if (manifest.kind !== "image" || manifest.artifactType !== ARTIFACT_TYPE) throw notOurs(this.name, set);
    const { success, data } = setSchema.safeParse(
      JSON.parse(Buffer.from(await readBlob(storage, manifest.config)).toString()),
    );
    if (!success) throw notOurs(this.name, set);
    return data;
  }
}

function notOurs(store: string, set: string): FledgeError {
  return new FledgeError("source", `${set} of ${store} is nothing that a farm has put there`, {
    hint: "give the farm a repository of its own",
  });
}
