#!/usr/bin/env node
import { interruption, isAnswer, watchProcess } from "./interrupt.ts";
import { reportError } from "./render/error.ts";
import { run } from "./run.ts";

watchProcess();
const argv = process.argv.slice(2);
const code = await run(argv);
// What a config or a hook left running (a timer, a server) must not keep the command from ending; what was printed
// must be out before it does. Only then it is known whether that was possible.
process.stdout.write("", () =>
  setImmediate(() => {
    const reason = interruption();
    const late = isAnswer(code) && reason?.isSignal === false ? reason : undefined;
    if (late !== undefined) reportError(late, { json: argv.includes("--json"), verbose: false });
    process.stderr.write("", () => process.exit(late?.exitCode ?? code));
  }),
);
