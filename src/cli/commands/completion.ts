import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { line, print } from "../terminal.ts";

export const completion: Command = {
  meta: { name: "completion", description: "Print the script that has a shell complete fledge's commands" },
  args: {
    shell: {
      type: "positional",
      required: false,
      valueHint: "bash|zsh|fish",
      description: "Which shell; or names, for scripts",
    },
  },
  examples: [
    ["bash > ~/.local/share/bash-completion/completions/fledge", "for one user"],
    ["zsh > ~/.zfunc/_fledge", "where $fpath has ~/.zfunc"],
    ["fish > ~/.config/fish/completions/fledge.fish", ""],
    ["names", "the plugins of the config or workspace in this folder"],
  ],
  async run({ args }) {
    const words = args._ as readonly string[];
    const [shell] = words;
    if (words.length === 1 && shell === "names") return await printNames();
    const { completionScript, SHELLS } = await import("../completion.ts");
    const known = SHELLS.find((name) => name === shell);
    if (known === undefined || words.length > 1) {
      throw new FledgeError("usage", `fledge completion takes one of ${SHELLS.join(", ")}`);
    }
    process.stdout.write(await completionScript(known));
    return 0;
  },
};

/** What a shell would take for more than a word is left out: completion is no place for surprises. */
const PLAIN = /^[\w.@+-]+$/;

/** Nothing where there is no config, or one that cannot be read: nobody has asked for its errors yet. */
async function printNames(): Promise<number> {
  const { loadTargets } = await import("../targets.ts");
  const plugins = await loadTargets({ _: [] }).catch(() => []);
  const names = new Set(plugins.map(({ name }) => name).filter((name) => PLAIN.test(name)));
  print([...names].map((name) => line`${name}`));
  return 0;
}
