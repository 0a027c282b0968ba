import { type CommandDef, runCommand } from "citty";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import { systemError } from "../lib/files/io-error.ts";
import { didYouMean } from "../lib/suggest.ts";
import { checkFlags, withEmptyValues } from "./args.ts";
import { COMMANDS, type Command } from "./commands.ts";
import { renderHelp, renderOverview } from "./help.ts";
import { exitCodeFor, failWith } from "./interrupt.ts";
import { reportError } from "./render/error.ts";
import { printPage } from "./terminal.ts";

/** Runs one command line and returns the exit code. Nothing below this folder knows argv, stdout or exit codes. */
export async function run(rawArgs: readonly string[]): Promise<number> {
  const [name, ...rest] = rawArgs;
  try {
    if (name === undefined || name === "help" || name === "--help" || name === "-h") {
      const topic = name === "help" ? rest[0] : undefined;
      const text =
        topic === undefined ? await renderOverview(COMMANDS) : await renderHelp(await commandOf(topic), topic);
      printPage(name === undefined ? process.stderr : process.stdout, text);
      return name === undefined ? 2 : 0;
    }
    const command = await commandOf(name === "--version" || name === "-V" ? "version" : name);
    failWith(command.failureCode ?? 1);
    if (asksForHelp(rest)) {
      printPage(process.stdout, await renderHelp(command, name));
      return 0;
    }
    const given = withEmptyValues(rest);
    const repeated = checkFlags(given, command.args ?? {}, name);
    const { result } = await runCommand(taking(command, repeated), { rawArgs: given });
    return typeof result === "number" ? result : 0;
  } catch (error) {
    reportError(asFledgeError(error), { json: rest.includes("--json"), verbose: wantsDetail(rest) });
    return exitCodeFor(asFledgeError(error));
  }
}

/** citty keeps the last value of a flag; the command gets all of those that may be repeated. */
function taking(command: Command, repeated: Readonly<Record<string, string[]>>): CommandDef {
  const { run } = command;
  return {
    ...(command as CommandDef),
    run: (context) => run?.({ ...context, args: Object.assign(context.args, repeated) }),
  };
}

async function commandOf(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return await load();
  const what = name.startsWith("-") ? "flag" : "command";
  throw new FledgeError("usage", `there is no ${what} "${name}"`, { hint: didYouMean(name, Object.keys(COMMANDS)) });
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

function wantsDetail(args: readonly string[]): boolean {
  return args.includes("--verbose") || args.includes("-v");
}

/** citty's own complaints (a missing argument, a value that is not offered), and what the operating system refused. */
function asFledgeError(error: unknown): unknown {
  if (isFledgeError(error) || !(error instanceof Error)) return error;
  if (error.name === "CLIError") return new FledgeError("usage", error.message, { cause: error });
  if ((error as NodeJS.ErrnoException).syscall === "uv_cwd") {
    return new FledgeError("io", "the working folder does not exist any more", {
      hint: "cd to one that does",
      cause: error,
    });
  }
  return systemError(error) ?? error;
}
