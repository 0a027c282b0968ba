#!/usr/bin/env node
import { interruption, watchProcess } from "./interrupt.ts";
import { reportError } from "./render/error.ts";
import { run } from "./run.ts";

watchProcess();
const argv = process.argv.slice(2);
const code = await run(argv);
// What a config or a hook left running (a timer, a server) must not keep the command from ending; what was printed
// must be out before it does. Only then it is known whether that was possible.
process.stdout.write("", () =>
  setImmediate(() => {
    const stopped = code === 0 ? interruption() : undefined;
    const late = stopped?.isSignal ? undefined : stopped;
    if (late !== undefined) reportError(late, { json: argv.includes("--json"), verbose: false });
    process.stderr.write("", () => process.exit(late?.exitCode ?? code));
  }),
);
