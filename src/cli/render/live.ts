import { stripVTControlCharacters } from "node:util";
import { colors } from "consola/utils";
import { formatSize } from "../../lib/bytes.ts";
import { duration, stageKey } from "./plain.ts";
import type { Renderer, RenderOptions } from "./renderer.ts";

type Line = { readonly title: string; doneBytes?: number; totalBytes?: number; item?: string };

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const REDRAW_MS = 80;
const BAR_CELLS = 24;

/**
 * The running stages as lines at the foot of the terminal, redrawn in place; finished ones scroll up above them. Of
 * several plugins only the finished builds do, unless all is to be said, since their stages would be a jumble.
 */
export function liveRenderer(plain: Renderer, { plugins, verbose = false }: RenderOptions): Renderer {
  const isMany = plugins.length > 1;
  const running = new Map<string, Line>();
  let drawn = 0;
  let frame = 0;

  const erase = (): void => {
    if (drawn > 0) process.stderr.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const { columns, rows } = process.stderr;
    const lines = fitted([...running.values()].map(text), (rows || 24) - 1).map((line) =>
      clip(`${colors.cyan(FRAMES[frame % FRAMES.length] ?? "")} ${line}`, columns || 80),
    );
    if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const timer = setInterval(() => {
    frame += 1;
    draw();
  }, REDRAW_MS);
  timer.unref();

  return {
    onEvent(event) {
      if (event.type === "stage:start") {
        const title = isMany ? `${event.plugin}: ${event.title}` : event.title;
        running.set(stageKey(event), { title });
      } else if (event.type === "stage:progress") {
        Object.assign(running.get(stageKey(event)) ?? {}, event);
        return;
      } else if (event.type === "stage:done" || event.type === "stage:failed") {
        running.delete(stageKey(event));
      }
      erase();
      const isStage = event.type === "stage:done" || event.type === "stage:failed";
      if (isMany && event.type === "build:done") {
        process.stderr.write(`${colors.green("✔")} ${event.plugin} ${duration(event.result.durationMs)}\n`);
      } else if (isMany && event.type === "build:failed") {
        process.stderr.write(`${colors.red("✖")} ${event.plugin} ${duration(event.durationMs)}\n`);
      }
      if (!(isMany && isStage && !verbose)) plain.onEvent(event);
      draw();
    },
    end() {
      clearInterval(timer);
      erase();
    },
  };
}

/** No more lines than the terminal has: what has scrolled away could not be erased again. */
function fitted(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more`];
}

function text({ title, doneBytes, totalBytes, item }: Line): string {
  const of = item === undefined ? title : `${title} (${item})`;
  if (doneBytes === undefined || (doneBytes === 0 && totalBytes === undefined)) return of;
  if (totalBytes === undefined || totalBytes === 0) return `${of} ${colors.gray(formatSize(doneBytes))}`;
  const full = Math.min(BAR_CELLS, Math.round((doneBytes / totalBytes) * BAR_CELLS));
  const bar = colors.green("━".repeat(full)) + colors.gray("━".repeat(BAR_CELLS - full));
  return `${of} ${bar} ${colors.gray(`${formatSize(doneBytes)} of ${formatSize(totalBytes)}`)}`;
}

/** A line that wraps could not be erased again. */
function clip(line: string, width: number): string {
  const bare = stripVTControlCharacters(line);
  return bare.length < width ? line : `${bare.slice(0, width - 2)}…`;
}
