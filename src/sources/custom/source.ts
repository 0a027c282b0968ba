import type { RunContext } from "../../lib/context.ts";
import type { DigestText } from "../../lib/digest.ts";
import type { Source } from "../source.ts";

/** What a source may use of the run. */
export type SourceContext = RunContext;

/** A source of your own: the contract of fledge's, and a name for people (`debian bookworm`). */
export interface CustomSource extends Omit<Source, "pin"> {
  readonly name: string;
  /** What the source is now: what it is for people, and a digest where there is one. */
  pin(ctx: SourceContext): Promise<{ readonly reference: string; readonly digest?: DigestText }>;
}
