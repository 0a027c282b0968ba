import { COMMANDS } from "./commands.ts";

/** What a shell has to know of one command. */
type Completed = {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly { readonly name: string; readonly description: string }[];
  /** Whether it takes names of plugins. */
  readonly takesNames: boolean;
};

export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The script that has a shell complete `fledge`: commands and flags are in it; names of plugins it asks for each time. */
export async function completionScript(shell: (typeof SHELLS)[number]): Promise<string> {
  const commands = await completedCommands();
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  return scripts[shell](commands);
}

async function completedCommands(): Promise<Completed[]> {
  return await Promise.all(
    Object.values(COMMANDS).map(async (load) => {
      const { meta, args = {} } = await load();
      const flags = Object.entries(args).filter(([, { type }]) => type !== "positional");
      return {
        ...meta,
        flags: flags.map(([name, { description = "" }]) => ({ name, description })),
        takesNames: "targets" in args || "target" in args || "a" in args,
      };
    }),
  );
}

const NAMES = "fledge completion names 2>/dev/null";

function bashScript(commands: readonly Completed[]): string {
  return `# fledge completion bash > /etc/bash_completion.d/fledge
_fledge() {
  local cur=\${COMP_WORDS[COMP_CWORD]} flags= names=
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$cur")
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map(({ name, flags, takesNames }) => `    ${name}) flags="${flagsOf(flags)}"${takesNames ? " names=1" : ""} ;;`).join("\n")}
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  if [ -n "$names" ]; then
    local name
    while IFS= read -r name; do [[ $name == "$cur"* ]] && COMPREPLY+=("$name"); done < <(${NAMES})
  fi
}
complete -o filenames -F _fledge fledge
`;
}

function zshScript(commands: readonly Completed[]): string {
  return `#compdef fledge
# fledge completion zsh > a file _fledge in a folder of $fpath
_fledge() {
  local -a commands flags names
  local takes_names=
  if (( CURRENT == 2 )); then
    commands=(
${commands.map(({ name, description }) => `      ${quoted(`${name}:${description}`)}`).join("\n")}
    )
    _describe command commands
    return
  fi
  case $words[2] in
${commands.map(({ name, flags, takesNames }) => `    ${name}) flags=(${flagsOf(flags)})${takesNames ? " takes_names=1" : ""} ;;`).join("\n")}
  esac
  if [[ $words[CURRENT] == -* ]]; then
    compadd -- $flags
    return
  fi
  if [[ -n $takes_names ]]; then
    names=(\${(f)"$(${NAMES})"})
    compadd -- $names
  fi
  _files
}
if [[ $funcstack[1] == _fledge ]]; then _fledge "$@"; else compdef _fledge fledge; fi
`;
}

function fishScript(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, description, flags, takesNames }) => {
    const seen = `complete -c fledge -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c fledge -f -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
      ...flags.map((flag) => `${seen} -l ${flag.name} -d ${quoted(flag.description)}`),
      ...(takesNames ? [`${seen} -a '(${NAMES})'`] : []),
    ];
  });
  return `# fledge completion fish > ~/.config/fish/completions/fledge.fish\n${lines.join("\n")}\n`;
}

function flagsOf(flags: Completed["flags"]): string {
  return flags.map(({ name }) => `--${name}`).join(" ");
}

/** In single quotes, as all three shells read them; a quote in it is closed, written by itself, and opened again. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
