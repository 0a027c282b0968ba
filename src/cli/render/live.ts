import { stripVTControlCharacters } from "node:util";
import { formatSize } from "../../lib/bytes.ts";
import { cyan, gray, green, line, red, Shown, say } from "../terminal.ts";
import { duration, isMany, type Renderer, type RenderOptions, stageKey } from "./plain.ts";

type Line = { readonly title: string; doneBytes?: number; totalBytes?: number; item?: string };

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const REDRAW_MS = 80;
const BAR_CELLS = 24;

/**
 * The running stages as lines at the foot of the terminal, redrawn in place; finished ones scroll up above them. Of
 * several plugins only the finished builds do, unless all is to be said, since their stages would be a jumble.
 */
export function liveRenderer(plain: Renderer, options: RenderOptions): Renderer {
  const { verbose = false } = options;
  const isOneOfMany = isMany(options);
  const running = new Map<string, Line>();
  let drawn = 0;
  let frame = 0;

  const erase = (): void => {
    // The terminal shows ^C where the cursor is, so it may not be at the start of its line any more.
    if (drawn > 0) process.stderr.write(`\r\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const { columns, rows } = process.stderr;
    const lines = fitted([...running.values()].map(text), (rows || 24) - 1).map((one) =>
      clip(line`${cyan`${FRAMES[frame % FRAMES.length] ?? ""}`} ${one}`, columns || 80),
    );
    say(lines);
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
        const title = isOneOfMany ? `${event.plugin}: ${event.title}` : event.title;
        running.set(stageKey(event), { title });
      } else if (event.type === "stage:progress") {
        Object.assign(running.get(stageKey(event)) ?? {}, event);
        return;
      } else if (event.type === "stage:done" || event.type === "stage:failed") {
        running.delete(stageKey(event));
      }
      erase();
      const isStage = event.type === "stage:done" || event.type === "stage:failed";
      if (isOneOfMany && event.type === "build:done") {
        say([line`${green`✔`} ${event.plugin} ${duration(event.result.durationMs)}`]);
      } else if (isOneOfMany && event.type === "build:failed") {
        say([line`${red`✖`} ${event.plugin} ${duration(event.durationMs)}`]);
      }
      if (!(isOneOfMany && isStage && !verbose)) plain.onEvent(event);
      draw();
    },
    end() {
      clearInterval(timer);
      erase();
    },
  };
}

/** No more lines than the terminal has: what has scrolled away could not be erased again. */
function fitted(lines: readonly Shown[], most: number): readonly Shown[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), line`and ${lines.length - most + 1} more`];
}

function text({ title, doneBytes, totalBytes, item }: Line): Shown {
  const of = line`${item === undefined ? title : `${title} (${item})`}`;
  if (doneBytes === undefined || (doneBytes === 0 && totalBytes === undefined)) return of;
  if (totalBytes === undefined || totalBytes === 0) return line`${of} ${gray`${formatSize(doneBytes)}`}`;
  const full = Math.min(BAR_CELLS, Math.round((doneBytes / totalBytes) * BAR_CELLS));
  const bar = line`${green`${"━".repeat(full)}`}${gray`${"━".repeat(BAR_CELLS - full)}`}`;
  return line`${of} ${bar} ${gray`${formatSize(doneBytes)} of ${formatSize(totalBytes)}`}`;
}

/** A line that wraps could not be erased again. */
function clip(whole: Shown, width: number): Shown {
  const { oneLine } = whole;
  return oneLine.width < width ? oneLine : new Shown(`${stripVTControlCharacters(oneLine.text).slice(0, width - 2)}…`);
}
