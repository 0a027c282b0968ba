import type { Note } from "../../contract/recipe.ts";
import type { Warning } from "../../lib/context.ts";
import { isFledgeError, type Problem } from "../../lib/errors.ts";
import type { Layer } from "../layers.ts";
import type { Merged } from "../merge.ts";
import type { LayerOutput } from "../schema.ts";

/** What every resolver reads. */
export type ResolveInput = {
  /** The config's file. */
  readonly file: string;
  readonly layers: readonly Layer[];
  readonly merged: Merged;
  /** The merged values, checked again. */
  readonly values: LayerOutput;
  readonly platform?: string | undefined;
  /** Whether it is built for several, so that its files are named by theirs. */
  readonly isOneOfSeveral?: boolean;
  readonly outDir?: string | undefined;
  readonly outFile?: string | undefined;
};

/** What resolvers say beside their result. A problem does not stop the others; all are reported together. */
export class Report {
  readonly notes: Note[] = [];
  readonly warnings: Warning[] = [];
  readonly problems: Problem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  note<T>(key: string, value: T, from: string): T {
    this.notes.push({ key, value, from });
    return value;
  }

  /** What `resolve` returns; a `config` error that it throws is a problem among the others. */
  attempt<T>(resolve: () => T): T | undefined {
    try {
      return resolve();
    } catch (error) {
      if (!isFledgeError(error) || error.code !== "config") throw error;
      return this.problem(error.message, error.hint);
    }
  }

  problem(message: string, hint?: string): undefined {
    this.problems.push({ message, file: this.#file, ...(hint === undefined ? {} : { hint }) });
  }
}
