import { open } from "node:fs/promises";
import { z } from "zod";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { fetchFile } from "../../publish/fetch.ts";
import { type Piece, pushPieces } from "../../publish/pieces.ts";
import { inMemory, Progress } from "../../publish/progress.ts";
import type { RegistryReference } from "../../registry/reference.ts";
import { openRepository } from "../../registry/repository.ts";
import { type ImageStorage, readBlob, readManifest } from "../../registry/storage.ts";
import { Uploads } from "../../registry/upload.ts";
import { type FarmStore, type LocalFile, type StoredSet, storedDigest, storedFile } from "./contract.ts";

// A set is a tag of an artifact: its config lists the files and their pieces, its layers are all the pieces, so that the
// registry's garbage collection keeps them.
const ARTIFACT_TYPE = "application/vnd.volant.fledge.files.v1";
const CONFIG_TYPE = "application/vnd.volant.fledge.files.v1+json";
const PIECE_TYPE = "application/vnd.volant.fledge.piece.v1+gzip";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

const piece = z.object({ digest: storedDigest, size: z.int().min(0) });
const setSchema = z.object({ files: z.array(storedFile.extend({ pieces: z.array(piece) })) });

type Listing = z.infer<typeof setSchema>;

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

  async has(set: string): Promise<boolean> {
    return await this.#uploads.hasManifest(set);
  }

  async put(set: string, files: readonly LocalFile[]): Promise<void> {
    const progress = new Progress(
      files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      this.#ctx,
    );
    const stored: Listing["files"] = [];
    for (const file of files) stored.push({ ...file, pieces: [...(await this.#putFile(file, progress))] });
    const own = stored.map(({ name, digest, sizeBytes, pieces }) => ({ name, digest, sizeBytes, pieces }));
    const config = inMemory(Buffer.from(JSON.stringify({ files: own })));
    await progress.put(this.#uploads, config, 0);
    const layers = own.flatMap(({ pieces }) => pieces.map((piece) => ({ mediaType: PIECE_TYPE, ...piece })));
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: ARTIFACT_TYPE,
      config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.size },
      layers,
    };
    await this.#uploads.putManifest(set, Buffer.from(JSON.stringify(manifest)), MANIFEST_TYPE);
  }

  async open(set: string): Promise<StoredSet> {
    const storage = openRepository(this.#reference, { registries: {}, patience: {} }, this.#ctx);
    const { files } = await this.#read(storage, set);
    return {
      files,
      get: async (name, to) => {
        const file = files.find((one) => one.name === name);
        if (file === undefined) throw new FledgeError("source", `${set} of ${this.name} has no ${name}`);
        const { digest, sizeBytes, pieces } = file;
        const parts = pieces.map((one) => ({ mediaType: PIECE_TYPE, ...one, annotations: {} }));
        await fetchFile(to, storage, { digest, sizeBytes, parts, isPacked: true }, this.#ctx);
      },
    };
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

  async #read(storage: ImageStorage, set: string): Promise<Listing> {
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
