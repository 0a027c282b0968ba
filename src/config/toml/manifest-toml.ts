import type { Warning } from "../../lib/context.ts";
import type { Finding } from "../explain.ts";
import { type LayerInput, layerSchema } from "../schema.ts";
import { toCamel } from "../snake.ts";
import type { Converted } from "./read.ts";

type Table = Record<string, unknown>;

/** Brings manifest.toml into the shape of a config: name, version, and the rest under `manifest`. */
export function fromManifestToml(table: Table): Converted {
  const { name, version, entrypoint, args, workload, ...rest } = table;
  const inner = (workload ?? {}) as Table;
  const command = entrypoint ?? inner.entrypoint;
  const merged: Table = {
    ...inner,
    ...(command === undefined ? {} : { entrypoint: typeof command === "string" ? [command] : command }),
    ...(args === undefined ? {} : { args }),
  };
  const manifest = Object.keys(merged).length > 0 || workload !== undefined ? { ...rest, workload: merged } : rest;
  const values = { ...(name !== undefined && { name }), ...(version !== undefined && { version }), manifest };
  return {
    values: toCamel(layerSchema, values) as LayerInput,
    findings: givenTwice(table, inner),
    warnings: severalWords(command),
    inferred: [],
  };
}

function givenTwice(table: Table, workload: Table): Finding[] {
  return ["entrypoint", "args"]
    .filter((key) => key in table && key in workload)
    .map((key) => ({
      path: [key],
      at: "key",
      message: `"${key}" is given here and under [workload]`,
      hint: "keep one of them",
    }));
}

function severalWords(command: unknown): Warning[] {
  if (typeof command !== "string" || !/\s/.test(command)) return [];
  const list = JSON.stringify(command.trim().split(/\s+/));
  return [
    { message: `entrypoint "${command}" is taken as the name of one program`, hint: `write it as a list: ${list}` },
  ];
}
