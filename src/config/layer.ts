import { dirname, resolve } from "node:path";
import type { FledgeHooks } from "../contract/hooks.ts";
import type { AnyStage } from "../contract/stage.ts";
import type { Warning } from "../lib/context.ts";
import { configError, explain, type Finding } from "./explain.ts";
import { rebase, type ToAbsolute } from "./rebase.ts";
import { type LayerInput, type LayerValues, layerSchema } from "./schema.ts";
import { withPath } from "./toml/position.ts";

/** One valid contribution to a plugin, its paths made absolute. */
export type Layer = {
  /** Whose it is, for messages: a preset's name, or the file. */
  readonly origin: string;
  readonly file: string;
  readonly values: LayerValues;
  readonly hooks: Partial<FledgeHooks> | undefined;
  readonly stages: readonly AnyStage[];
  /** Absolute host path of a mapping -> the key as it was written. */
  readonly mappingKeys: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
  readonly inferred: readonly { readonly key: string; readonly from: string }[];
};

/** Who a layer is to those that it extends. */
export type Extender = {
  /** Names it, once in a chain. */
  readonly id: string;
  /** The layers of one key are one layer; by default the id. */
  readonly key?: string;
  /** Where it was written, for messages. */
  readonly file: string;
  /** Makes its paths absolute. Throws for a preset that does not say where it is. */
  readonly absolute: ToAbsolute;
};

/** What was read from a file, or what a preset comes to, before it is checked. */
export type RawLayer = Extender & {
  readonly value: unknown;
  /** Of a preset: layers of one key with other options are others. */
  readonly options?: unknown;
  /** How the layer was named by what extends it. */
  readonly spec?: string | undefined;
  readonly warnings?: readonly Warning[];
  readonly inferred?: Layer["inferred"];
};

/** A layer that is a file. */
export function fileOrigin(file: string): Extender {
  return { id: file, file, absolute: (path) => resolve(dirname(file), path) };
}

/** Checks a layer. Throws one `config` error with every problem in it. */
export function toLayer(raw: RawLayer): Layer {
  refuse(explain(layerSchema, raw.value), raw);
  const { hooks, stages, extends: _extends, meta, ...values } = raw.value as LayerInput;
  const rebased = rebase(values, raw.absolute);
  refuse(rebased.findings, raw);
  return {
    origin: meta?.name ?? raw.spec ?? raw.file,
    file: raw.file,
    values: rebased.values,
    hooks,
    stages: stages ?? [],
    mappingKeys: rebased.mappingKeys,
    warnings: raw.warnings ?? [],
    inferred: raw.inferred ?? [],
  };
}

function refuse(findings: readonly Finding[], { file }: Extender): void {
  if (findings.length === 0) return;
  throw configError(
    findings.map((finding) => ({
      message: withPath(finding),
      file,
      ...(finding.hint === undefined ? {} : { hint: finding.hint }),
    })),
  );
}
