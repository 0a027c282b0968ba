import { relative } from "node:path";
import type { DevEvent } from "../../dev.ts";
import { type ErrorData, FledgeError } from "../../lib/errors.ts";
import { cyan, gray, green, line, printJson, red, type Shown, say, yellow } from "../terminal.ts";
import { errorLines } from "./error.ts";
import type { Renderer, RenderOptions } from "./plain.ts";
import { duration } from "./plain.ts";
import { createRenderer } from "./renderer.ts";

export type DevRenderer = { onEvent(event: DevEvent): void; end(): void };

/** How many changed files are named; a `git checkout` changes hundreds. */
const MOST_FILES = 3;

/** Says what has changed, what is built because of it as `fledge build` does, and how long all of it took. */
export function createDevRenderer(options: Omit<RenderOptions, "plugins">): DevRenderer {
  if (options.json) return { onEvent: (event) => printJson(event), end: () => {} };
  let building: Renderer | undefined;
  let isMany = false;
  const end = (): void => {
    building?.end();
    building = undefined;
  };
  const tell = (...lines: readonly Shown[]): void => {
    if (!options.quiet) say(lines);
  };
  const sayError = ({ code, message, ...rest }: ErrorData, plugin?: string): void => {
    const error = new FledgeError(code, message, rest);
    say(errorLines(error, { verbose: options.verbose ?? false, plugin }));
  };
  return {
    end,
    onEvent(event) {
      switch (event.type) {
        case "dev:change":
          end();
          return tell(line``, line`${cyan`changed`} ${fileList(event.files)}`);
        case "dev:error":
          end();
          return sayError(event.error);
        case "dev:build":
          isMany = event.plugins.length > 1;
          building = createRenderer({ ...options, plugins: event.plugins });
          return;
        case "dev:idle":
          end();
          return tell(idleLine(event));
        case "dev:polling":
          return tell(
            line`${yellow`warning`} folders cannot be watched (${event.reason}); they are looked at every second`,
          );
        case "build:failed":
          building?.onEvent(event);
          return sayError(event.error, isMany ? event.plugin : undefined);
        default:
          building?.onEvent(event);
      }
    },
  };
}

function idleLine({ built, unchanged, failed, durationMs }: Extract<DevEvent, { type: "dev:idle" }>): Shown {
  const written = built.filter((name) => !unchanged.includes(name));
  const parts = [
    ...(written.length > 0 ? [line`${green`built`} ${written.join(", ")}`] : []),
    ...(unchanged.length > 0 ? [line`${gray`unchanged`} ${unchanged.join(", ")}`] : []),
    ...(failed.length > 0 ? [line`${red`failed`} ${failed.join(", ")}`] : []),
  ];
  const [first = line`nothing to build`, ...others] = parts;
  const what = others.reduce((before, part) => line`${before}; ${part}`, first);
  const said = parts.length === 0 ? what : line`${what} in ${duration(durationMs)}`;
  return line`${said}; waiting for changes (Ctrl-C ends)`;
}

function fileList(files: readonly string[]): string {
  const shown = files.slice(0, MOST_FILES).map((file) => relative("", file));
  return files.length > MOST_FILES ? `${shown.join(", ")} and ${files.length - MOST_FILES} more` : shown.join(", ");
}
