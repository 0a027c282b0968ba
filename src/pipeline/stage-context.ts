import type { StageContext } from "../contract/stage.ts";
import type { RunContext } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";

/** The part of a run's context that the user's code is handed; `from` is who a warning is from. */
export function stageContext({ signal, progress, warn, fact, log }: RunContext, from: string): StageContext {
  return {
    signal,
    progress,
    warn: (warning) =>
      warn({ message: textOf(warning?.message, "warn", "{ message, hint? }"), hint: warning.hint, from }),
    fact,
    log: (message) => log(textOf(message, "log", "a text")),
  };
}

function textOf(text: unknown, name: string, form: string): string {
  if (typeof text === "string") return text;
  throw new FledgeError("config", `${name}() takes ${form}`);
}
