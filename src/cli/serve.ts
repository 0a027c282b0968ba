import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FledgeError } from "../lib/errors.ts";
import { addToken } from "../serve/http/index.ts";
import type { BuildView } from "../serve/queue/index.ts";
import { serve } from "../serve/serve.ts";
import { interruption, onInterrupt } from "./interrupt.ts";
import { duration } from "./render/plain.ts";
import { type ServeArgs, serveOptionsOf } from "./serve-options.ts";
import { bold, cyan, gray, green, line, print, printJson, red, type Shown, say, yellow } from "./terminal.ts";

const CHILD = fileURLToPath(new URL("./build-child.js", import.meta.url));

/** Serves until a signal, which is how it is meant to end. */
export async function runServe(args: ServeArgs): Promise<number> {
  if (args["new-token"] !== undefined) return await printNewToken(args, args["new-token"]);
  const options = serveOptionsOf(args, process.env);
  const signal = onInterrupt();
  const serving = await serve({
    ...options,
    program: [process.execPath, CHILD],
    onState: (view) => tell(view, args),
    warn: (message) => {
      if (args.json) printJson({ type: "warning", message });
      else say([line`${yellow`warning`} ${message}`]);
    },
  });
  const { url } = serving;
  if (args.json) printJson({ type: "serve:ready", url, state: options.stateDir });
  else if (!args.quiet) say(readyLines(url, options));
  if (!signal.aborted) await once(signal, "abort");
  if (!args.json && !args.quiet) say([line`ending: what runs is taken up by the next start`]);
  await serving.close();
  const reason = interruption();
  if (reason !== undefined && !reason.isSignal) throw reason;
  return 0;
}

async function printNewToken({ tokens, json }: ServeArgs, name: string): Promise<number> {
  if (tokens === undefined) {
    throw new FledgeError("usage", "--new-token needs the file that it goes into", { hint: "--tokens FILE" });
  }
  const token = await addToken(resolve(tokens), name);
  if (json) printJson({ name, token });
  else {
    say([
      line`A token for ${bold`${name}`}, which is shown this once; FLEDGE_TOKEN or --token-file hands it to fledge:`,
    ]);
    print([line`${token}`]);
  }
  return 0;
}

function readyLines(url: string, { stateDir, jobs }: { stateDir: string; jobs: number }): Shown[] {
  return [
    line`${green`✔`} listening at ${cyan`${url}`} ${gray`${jobs} builds at once, kept in ${stateDir}`}`,
    line`  build with  fledge build --remote ${url}`,
  ];
}

function tell(view: BuildView, { json, quiet }: ServeArgs): void {
  const { id, state, position, request, by, error, startedMs, endedMs } = view;
  if (json) printJson({ type: "serve:build", id, state, position, plugin: request.plugin, by, error });
  if (json || quiet) return;
  const marks = { queued: gray`·`, running: cyan`▸`, done: green`✔`, failed: red`✖`, cancelled: yellow`■` };
  const took = startedMs === undefined || endedMs === undefined ? "" : line` ${duration(endedMs - startedMs)}`;
  const whose = by === undefined ? "" : line` for ${by}`;
  const why = error === undefined ? "" : line`: ${error.message}`;
  say([line`${marks[state]} ${gray`${id}`} ${request.plugin ?? ""} ${state}${whose}${took}${why}`]);
}
