import type { Env } from "../../lib/context.ts";
import type { Tool } from "../../lib/tools.ts";
import type { BuilderName } from "./options.ts";

/** A secret as builders take it: the place of the value, never the value. */
export type Secret = { readonly id: string } & ({ readonly file: string } | { readonly env: string });

/** One build, with every path absolute. */
export type BuildRequest = {
  readonly dockerfile: string;
  readonly context: string;
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
  readonly platform: string;
  /** SOURCE_DATE_EPOCH. */
  readonly epochSec?: number;
  /** A folder of this build's own, empty at first; its name is like no other. */
  readonly folder: string;
  /** Where the image archive has to end up. */
  readonly archive: string;
};

/** A program that builds Dockerfiles. What it does is in its arguments, which are made without looking at anything. */
export type Engine = {
  readonly name: BuilderName;
  readonly tool: Tool;
  build(request: BuildRequest, env: Env): readonly string[];
  /** Variables that the build needs beside those of the user. */
  variables?(request: BuildRequest): Env;
  /** The name that a build gives the image; left out where the image has none, but an ID in `idFile`. */
  tag?(request: BuildRequest): string;
  /** Writes an image of the engine's store to an archive; left out where the build itself does. */
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

/** The file that the image's ID is written to. */
export function idFile({ folder }: BuildRequest): string {
  return `${folder}/image-id`;
}

/** `--secret` and `--build-arg`, which all but BuildKit's own client write alike. */
export function secretsAndArgs({ secrets, buildArgs }: BuildRequest): string[] {
  return [
    ...secrets.map((secret) => `--secret=${secretSpec(secret)}`),
    ...Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`),
  ];
}

export function secretSpec(secret: Secret): string {
  return "file" in secret ? `id=${secret.id},src=${secret.file}` : `id=${secret.id},env=${secret.env}`;
}
