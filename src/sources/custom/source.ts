import type { RunContext } from "../../lib/context.ts";
import type { Source } from "../source.ts";

/** What a source may use of the run. */
export type SourceContext = RunContext;

/** A source of your own: the contract of fledge's, and a name for people (`debian bookworm`). */
export interface CustomSource extends Source {
  readonly name: string;
}
