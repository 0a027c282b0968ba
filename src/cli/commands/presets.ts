import { FledgeError } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/suggest.ts";
import type { PresetName } from "../../presets/index.ts";
import type { Command } from "../commands.ts";
import { print, printJson } from "../terminal.ts";

export const presets: Command = {
  meta: { name: "presets", description: "List the presets that come with fledge, and their options" },
  args: {
    name: { type: "positional", required: false, description: "Say more about one of them", valueHint: "NAME" },
    json: { type: "boolean", description: "Print JSON on stdout" },
  },
  examples: [
    ["", "what is there?"],
    ["nginx", "its options, and a config to begin with"],
    ["--json", "all of it, as data"],
  ],
  run: ({ args }) => list(args as { readonly _: readonly string[]; readonly json?: boolean }),
};

async function list({
  _: [name, more],
  json,
}: {
  readonly _: readonly string[];
  readonly json?: boolean;
}): Promise<void> {
  const [{ PRESETS }, { describePreset }, { presetLines, presetListLines }] = await Promise.all([
    import("../../presets/index.ts"),
    import("../../presets/describe.ts"),
    import("../render/presets.ts"),
  ]);
  const names = Object.keys(PRESETS) as PresetName[];
  const chosen = name === undefined ? names : names.filter((preset) => preset === name);
  if (chosen.length === 0 || more !== undefined) throw unknown(more ?? name ?? "", names, more !== undefined);
  const described = await Promise.all(chosen.map(describePreset));
  const [one] = described;
  if (json) printJson(name === undefined ? described : one, 2);
  else print(name === undefined || one === undefined ? presetListLines(described) : presetLines(one));
}

function unknown(name: string, names: readonly string[], isSecond: boolean): FledgeError {
  if (isSecond) return new FledgeError("usage", "fledge presets takes one NAME", { hint: "or none, for all of them" });
  return new FledgeError("usage", `there is no preset "${name}"`, { hint: didYouMean(name, names) });
}
