import { basename } from "node:path";
import type { Env } from "../../lib/context.ts";
import type { Tool } from "../../lib/process/tools.ts";
import type { BuilderName } from "./options.ts";

/** A secret as builders take it: the place of the value, never the value. */
export type Secret = { readonly id: string } & ({ readonly file: string } | { readonly env: string });

/** One build. What the user named is absolute; what is fledge's own is relative to `folder`, where the engine runs. */
export type BuildRequest = {
  readonly dockerfile: string;
  readonly context: string;
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
  readonly platform: string;
  /** SOURCE_DATE_EPOCH. */
  readonly epochSec?: number;
  /** False where a layer of another build may look the same and not be it: see `isCacheable`. */
  readonly isCacheable: boolean;
  /** A folder of this build's own; its name is like no other. */
  readonly folder: string;
};

/** A program that builds Dockerfiles. What it does is in its arguments, which are made without looking at anything. */
export type Engine = {
  readonly name: BuilderName;
  readonly tool: Tool;
  build(request: BuildRequest, env: Env): readonly string[];
  /** Variables that the build needs beside those of the user. */
  variables?(request: BuildRequest): Env;
  /** The name that a build gives the image; undefined where the image has none, but an ID in `ID_FILE`. */
  tag?(request: BuildRequest): string | undefined;
  /** Writes an image of the engine's store to an archive, a path without colons and commas; left out where the build itself does. */
  save?(image: string, archive: string): readonly string[];
  /** Takes a name away again, and nothing of the cache. */
  untag?(tag: string): readonly string[];
  /** Finds what a build that was stopped leaves behind. */
  readonly leftovers?: Leftovers;
};

/** An engine that keeps images in a store. */
export type StoringEngine = Engine & Required<Pick<Engine, "save">>;

/** The containers that buildah's library keeps while it builds; a build that is stopped leaves them. */
export type Leftovers = {
  /** Prints the folder of the store, then on a line of its own the name of its driver. */
  readonly store: readonly string[];
  remove(id: string): readonly string[];
};

export const REASON = "build the image of the Dockerfile";

/** The file that the image's ID is written to, and the one that its archive has to end up in. */
export const ID_FILE = "image-id";
export const ARCHIVE = "image.tar";

/** A name of this build's own, so that taking it away cannot touch an image of the user's. */
export function ownTag({ folder }: BuildRequest): string {
  return `fledge.invalid/build:${basename(folder)}`;
}

/** `--secret` and `--build-arg`, which all but BuildKit's own client write alike. */
export function secretsAndArgs({ secrets, buildArgs }: BuildRequest): string[] {
  return [
    ...secrets.map((secret) => `--secret=${secretSpec(secret)}`),
    ...Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`),
  ];
}

/** A file is one of `folder`, since a comma would end its path. */
export function secretSpec(secret: Secret): string {
  return "file" in secret ? `id=${secret.id},src=${secret.file}` : `id=${secret.id},env=${secret.env}`;
}
