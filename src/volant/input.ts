import type { ImageConfig, Pin } from "../contract/source.ts";
import type { Digest } from "../lib/digest.ts";
import type { ManifestOptions } from "./options.ts";

/** What an image says about how it runs, and which image it is. */
export type ImageFacts = Pin & Omit<ImageConfig, "raw" | "os" | "architecture">;

/** What the guest is to run. */
export type Command = {
  /** As Volant hands it on: each word trimmed, empty ones dropped. */
  readonly words: readonly string[];
  /** The absolute working folder; absent where nothing names one, which leaves the agent's own, the root. */
  readonly workdir?: string;
  /** The PATH on which a bare name is looked for, and who sets it. */
  readonly path: { readonly value: string; readonly origin: string };
};

/** A command as the guest's tree has it. */
export type FoundCommand = Command & {
  /** The program's absolute path; absent when no folder of PATH has it. */
  readonly program?: string;
};

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
  /** What the guest's tree has of the command; it replaces the names that config or image give. */
  readonly found?: FoundCommand | undefined;
  readonly defaults?:
    | {
        readonly entrypoint?: readonly string[] | undefined;
        readonly env?: Readonly<Record<string, string>> | undefined;
        readonly workdir?: string | undefined;
        readonly baseUrl?: string | undefined;
      }
    | undefined;
};
