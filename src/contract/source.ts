import type { RunContext } from "../lib/context.ts";
import type { Digest, DigestText } from "../lib/digest.ts";
import type { Requirement } from "../lib/process/requirements.ts";
import type { Layer } from "../rootfs/layer.ts";
import type { Lockables, Locks } from "./lock.ts";

/** What a source is, fixed: the same pin gives the same layers for ever. */
export type Pin = {
  /** For people, e.g. `nginx:alpine` or `./rootfs.tar`. */
  readonly reference: string;
  /** Of the image's manifest, or of the archive; absent for a folder. */
  readonly digest?: Digest;
  /** Of a source of the user's: where it found that. */
  readonly locator?: string;
};

/** The part of the OCI image-spec's config.json that fledge reads; `raw` is the document byte for byte. */
export type ImageConfig = {
  readonly raw: Uint8Array;
  readonly os: string;
  readonly architecture: string;
  /** Of the architecture: `v7`. */
  readonly variant?: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  /** `80/tcp`, in the order of the document. */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

/** Where the base of a root filesystem comes from. Pinned first, so that what is fetched is what was planned. */
export interface Source {
  /** What it needs of the machine; nothing when absent. */
  requirements?(): readonly Requirement[];
  /** What a lock can hold of it; nothing when absent, as with files of this machine. */
  lockables?(): Promise<Lockables>;
  /** What `locks` hold of it is taken as it is there, and not asked for. */
  pin(ctx: RunContext, locks?: Locks): Promise<Pin>;
  /** Bottom layer first; fetching and unpacking overlap with the caller's work. */
  layers(pin: Pin, ctx: RunContext): AsyncIterable<Layer>;
  /** Absent for sources that carry no config (a tarball, a folder). */
  image?(pin: Pin, ctx: RunContext): Promise<ImageConfig>;
}

/** A source that is an image. */
export type ImageSource = Source & Required<Pick<Source, "image">>;

/** What a source may use of the run. */
export type SourceContext = RunContext;

/** A source of your own: the contract of fledge's, and a name for people (`debian bookworm`). */
export interface CustomSource extends Omit<Source, "pin" | "lockables"> {
  /** `fledge.lock` knows it by this: what is something else has another name. */
  readonly name: string;
  /**
   * What the source is now: what it is for people, and a digest where there is one. With a digest it can be locked: then
   * `layers` is handed what this once returned, locator (where those bytes are) included, and this is not called.
   */
  pin(
    ctx: SourceContext,
  ): Promise<{ readonly reference: string; readonly digest?: DigestText; readonly locator?: string }>;
}
