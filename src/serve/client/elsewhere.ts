import type { Digest } from "../../lib/digest.ts";
import type { BuildView, QueueEvent } from "../queue/index.ts";
import type { BuildRequest } from "../request.ts";

/** What comes of a build while it is followed; the last is its end. */
export type Followed =
  | { readonly kind: "event"; readonly event: QueueEvent }
  | { readonly kind: "position"; readonly position: number }
  | { readonly kind: "end"; readonly view: BuildView };

/** Whoever builds in place of this process: a service, or the workers of a farm. */
export interface Elsewhere {
  /** For people. */
  readonly name: string;
  /** Takes a project; `body` gives the bundle anew each time. */
  submit(request: BuildRequest, body: () => AsyncIterable<Uint8Array>): Promise<{ readonly id: string }>;
  /** What happens to a build, in order and each once, over as many connections as it takes; ends with its end. */
  follow(id: string): AsyncGenerator<Followed, void, undefined>;
  /** Writes what a build has made into a new file, and returns the digest of it. */
  download(
    id: string,
    options: {
      readonly to: string;
      readonly sizeBytes: number;
      readonly progress: (bytes: number) => void;
    },
  ): Promise<Digest>;
  /** Volant's manifest of it. */
  manifest(id: string): Promise<string>;
  cancel(id: string): Promise<void>;
}

/** How one is talked to. */
export type ElsewhereUse = { readonly signal: AbortSignal; readonly log: (message: string) => void };
