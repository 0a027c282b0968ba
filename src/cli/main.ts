#!/usr/bin/env node
import { run } from "./run.ts";

const code = await run(process.argv.slice(2));
// What a config or a hook left running (a timer, a server) must not keep the command from ending; what was printed
// must be out before it does.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
