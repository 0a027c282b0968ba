import type { Digest } from "../lib/digest.ts";
import type { ImageConfig, Pin } from "../sources/source.ts";
import type { ManifestOptions } from "./options.ts";

/** What an image says about how it runs, and which image it is. */
export type ImageFacts = Pin & Omit<ImageConfig, "raw" | "os" | "architecture">;

export type ManifestInput = {
  readonly name: string;
  readonly version: string;
  readonly runtime?: string | undefined;
  /** What the config says; it wins over the image, which wins over the defaults. */
  readonly options?: ManifestOptions | undefined;
  readonly artifact: {
    readonly kind: "rootfs" | "initramfs";
    /** The artifact lies beside the manifest under this name. */
    readonly fileName: string;
    readonly digest: Digest;
  };
  readonly image?: ImageFacts | undefined;
  readonly defaults?:
    | {
        readonly entrypoint?: readonly string[] | undefined;
        readonly env?: Readonly<Record<string, string>> | undefined;
        readonly workdir?: string | undefined;
        readonly baseUrl?: string | undefined;
      }
    | undefined;
};
