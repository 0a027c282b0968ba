import { stripVTControlCharacters } from "node:util";
import { colors } from "consola/utils";
import { formatSize } from "../../lib/bytes.ts";
import type { BuildEvent } from "../../pipeline/events.ts";
import type { Renderer, RenderOptions } from "./renderer.ts";

type Line = { readonly title: string; doneBytes?: number; totalBytes?: number; item?: string };

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const REDRAW_MS = 80;
const BAR_CELLS = 24;

/** The running stages as lines at the foot of the terminal, redrawn in place; finished ones scroll up above them. */
export function liveRenderer(plain: Renderer, { plugins }: RenderOptions): Renderer {
  const running = new Map<string, Line>();
  let drawn = 0;
  let frame = 0;

  const erase = (): void => {
    if (drawn > 0) process.stderr.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const width = process.stderr.columns || 80;
    const lines = [...running.values()].map((line) =>
      clip(`${colors.cyan(FRAMES[frame % FRAMES.length] ?? "")} ${text(line)}`, width),
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
        const title = plugins.length > 1 ? `${event.plugin}: ${event.title}` : event.title;
        running.set(keyOf(event), { title });
      } else if (event.type === "stage:progress") {
        Object.assign(running.get(keyOf(event)) ?? {}, event);
        return;
      } else if (event.type === "stage:done" || event.type === "stage:failed") {
        running.delete(keyOf(event));
      }
      erase();
      plain.onEvent(event);
      draw();
    },
    end() {
      clearInterval(timer);
      erase();
    },
  };
}

/** The stage that an event belongs to, unique among plugins built side by side. */
function keyOf(event: BuildEvent & { stage: string }): string {
  return `${event.plugin}\0${event.stage}`;
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
