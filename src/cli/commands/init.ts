import type { InitOptions } from "../../init/init.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { print, printJson } from "../terminal.ts";

type Args = {
  readonly _: readonly string[];
  readonly template?: string;
  readonly name?: string;
  readonly preset?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
};

export const init: Command = {
  meta: { name: "init", description: "Write a small project that builds at once" },
  args: {
    dir: { type: "positional", required: false, valueHint: "DIR", description: "Its folder (default: this one)" },
    template: {
      type: "string",
      alias: "t",
      valueHint: "initramfs|oci|dockerfile|toml|preset",
      description: "What to begin with",
    },
    name: { type: "string", alias: "n", valueHint: "NAME", description: "Name of the plugin (default: the folder's)" },
    preset: { type: "string", valueHint: "NAME", description: "As --template preset --name NAME" },
    yes: { type: "boolean", alias: "y", description: "Ask nothing; an initramfs unless --template says otherwise" },
    json: { type: "boolean", description: "Print the written files as JSON, and ask nothing" },
  },
  examples: [
    ["", "asks what it needs to know"],
    ["web --template oci", "a disk from a container image, in ./web"],
    ["--yes", "the smallest one, in this folder"],
    ["nginx --preset nginx", "a package with a preset, to publish"],
  ],
  async run({ args: parsed }) {
    const args = parsed as unknown as Args;
    const [{ initProject }, { initLines }] = await Promise.all([
      import("../../init/init.ts"),
      import("../render/init.ts"),
    ]);
    const result = await initProject(await answers(args));
    if (args.json) printJson(result, 2);
    else print(initLines(result));
    return 0;
  },
};

/** What the flags say, and what a person says where they say nothing. */
async function answers(args: Args): Promise<InitOptions> {
  const [{ checkTemplate, defaultName, isName }, { ask, canAsk, choose }, { TEMPLATES }] = await Promise.all([
    import("../../init/init.ts"),
    import("../prompt.ts"),
    import("../../init/templates.ts"),
  ]);
  const { dir = ".", template, name } = fromFlags(args);
  const mayAsk = args.yes !== true && args.json !== true && canAsk();
  if (template === undefined && !args.yes && !mayAsk) {
    throw new FledgeError("usage", "fledge init needs to know what to begin with, and there is nobody to ask here", {
      hint: `--template ${Object.keys(TEMPLATES).join("|")}, or --yes for an initramfs`,
    });
  }
  // Before anything is asked: answers must not be for nothing.
  if (template !== undefined) checkTemplate(template);
  const descriptions = Object.entries(TEMPLATES).map(([key, { description }]) => [key, description]);
  const chosen = checkTemplate(
    template ?? (mayAsk ? await choose("What do you begin with?", Object.fromEntries(descriptions)) : "initramfs"),
  );
  if (name !== undefined || !mayAsk) return { dir, template: chosen, ...(name !== undefined && { name }) };
  const rule = 'lower case letters, digits, ".", "_" and "-"';
  const isValid = (text: string): boolean => isName(chosen, text);
  return { dir, template: chosen, name: await ask("What is it called?", { initial: defaultName(dir), rule, isValid }) };
}

function fromFlags({ _: [dir, ...more], template, name, preset }: Args): {
  dir?: string | undefined;
  template?: string | undefined;
  name?: string | undefined;
} {
  if (more.length > 0) throw new FledgeError("usage", `fledge init takes one folder, but was also given "${more[0]}"`);
  if (preset === undefined) return { dir, template, name };
  if ((template !== undefined && template !== "preset") || name !== undefined) {
    const other = name === undefined ? "--template" : "--name";
    throw new FledgeError("usage", `--preset and ${other} exclude each other`, { hint: "keep one of them" });
  }
  return { dir, template: "preset", name: preset };
}
