import { relative } from "node:path";
import { colors } from "consola/utils";
import type { DevEvent } from "../../dev.ts";
import { type ErrorData, FledgeError } from "../../lib/errors.ts";
import { renderError } from "./error.ts";
import { duration } from "./plain.ts";
import { createRenderer, type Renderer, type RenderOptions } from "./renderer.ts";

export type DevRenderer = { onEvent(event: DevEvent): void; end(): void };

/** How many changed files are named; a `git checkout` changes hundreds. */
const MOST_FILES = 3;

/** Says what has changed, what is built because of it as `fledge build` does, and how long all of it took. */
export function createDevRenderer(options: Omit<RenderOptions, "plugins">): DevRenderer {
  if (options.json) return { onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`), end: () => {} };
  let building: Renderer | undefined;
  let isMany = false;
  const end = (): void => {
    building?.end();
    building = undefined;
  };
  const say = (line: string): void => {
    if (!options.quiet) process.stderr.write(`${line}\n`);
  };
  const sayError = (error: ErrorData, plugin?: string): void => {
    const { code, message, ...rest } = error;
    const shown = new FledgeError(code, message, rest);
    process.stderr.write(renderError(shown, { json: false, verbose: options.verbose ?? false, plugin }));
  };
  return {
    end,
    onEvent(event) {
      switch (event.type) {
        case "dev:change":
          end();
          return say(`\n${colors.cyan("changed")} ${fileList(event.files)}`);
        case "dev:error":
          end();
          return sayError(event.error);
        case "dev:build":
          isMany = event.plugins.length > 1;
          building = createRenderer({ ...options, plugins: event.plugins });
          return;
        case "dev:idle":
          end();
          return say(idleLine(event));
        case "dev:polling":
          return say(
            `${colors.yellow("warning")} folders cannot be watched (${event.reason}); they are looked at every second`,
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

function idleLine({ built, failed, durationMs }: Extract<DevEvent, { type: "dev:idle" }>): string {
  const parts = [
    ...(built.length > 0 ? [`${colors.green("built")} ${built.join(", ")}`] : []),
    ...(failed.length > 0 ? [`${colors.red("failed")} ${failed.join(", ")}`] : []),
  ];
  const what = parts.length === 0 ? "nothing to build" : `${parts.join("; ")} in ${duration(durationMs)}`;
  return `${what}; waiting for changes (Ctrl-C ends)`;
}

function fileList(files: readonly string[]): string {
  const shown = files.slice(0, MOST_FILES).map((file) => relative("", file));
  return files.length > MOST_FILES ? `${shown.join(", ")} and ${files.length - MOST_FILES} more` : shown.join(", ");
}
