import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { errnoOf, FledgeError, messageOf } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import { REPEATABLE, VALUE_OPTIONAL } from "./flags.ts";

/**
 * citty takes unknown flags without a word and keeps the last of a repeated one; this refuses both.
 * Returns all the values of those that may be repeated. Throws a `usage` error.
 */
export function checkFlags(rawArgs: readonly string[], args: ArgsDef, command: string): Record<string, string[]> {
  const flags = Object.entries(args).filter(([, def]) => def.type !== "positional");
  const options = Object.fromEntries(
    flags.map(([name, def]) => {
      const aliases = "alias" in def ? [def.alias ?? []].flat() : [];
      const short = aliases.find((alias) => alias.length === 1);
      const type = def.type === "boolean" ? ("boolean" as const) : ("string" as const);
      return [name, { type, multiple: true, ...(short !== undefined && { short }) }];
    }),
  );
  let values: Record<string, unknown>;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({ args: [...rawArgs], options, strict: true, allowPositionals: true }));
  } catch (error) {
    throw badFlag(error, rawArgs, Object.keys(options), command);
  }
  for (const [name, given] of Object.entries(values)) {
    if (Array.isArray(given) && given.length > 1 && !REPEATABLE.has(name)) {
      throw new FledgeError("usage", `--${name} was given ${given.length} times`, { hint: "give it once" });
    }
  }
  const takesPositionals = Object.values(args).some((def) => def.type === "positional");
  if (positionals.length > 0 && !takesPositionals) {
    throw new FledgeError("usage", `fledge ${command} takes no arguments, but was given "${positionals[0]}"`);
  }
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string[]] => REPEATABLE.has(entry[0])),
  );
}

/** `--flag` as `--flag=` where its value may be left out and what follows is none. */
export function withEmptyValues(rawArgs: readonly string[]): string[] {
  const end = rawArgs.indexOf("--");
  return rawArgs.map((arg, i) => {
    const isFlag = arg.startsWith("--") && VALUE_OPTIONAL.has(arg.slice(2)) && (end < 0 || i < end);
    const next = rawArgs[i + 1];
    return isFlag && (next === undefined || next.startsWith("-")) ? `${arg}=` : arg;
  });
}

function badFlag(error: unknown, rawArgs: readonly string[], known: readonly string[], command: string): FledgeError {
  if (errnoOf(error) === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const flag = /'(-[^']*)'/.exec(messageOf(error))?.[1] ?? rawArgs.find((arg) => arg.startsWith("-")) ?? "";
    const near = didYouMean(flag.replace(/^-+/, ""), known)?.replace(/^did you mean "(.*)"\?$/, 'did you mean "--$1"?');
    const hint = near?.startsWith("did") ? near : `see fledge ${command} --help`;
    return new FledgeError("usage", `fledge ${command} has no flag ${flag}`, { hint });
  }
  return new FledgeError("usage", messageOf(error).split("\n")[0] ?? "", { hint: `see fledge ${command} --help` });
}
