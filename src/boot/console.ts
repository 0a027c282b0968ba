import { stripVTControlCharacters } from "node:util";

/** Of each line this much is kept: a guest that never ends its line must not take all memory. */
const MAX_LINE_CHARS = 16 * 1024;
const MAX_LINES = 100_000;

/** What the kernel says as its last words (kernel/panic.c). */
const PANIC = /Kernel panic - not syncing: .*/;

/** A place in what a guest has said: lines since its start, characters in the line. */
export type ConsolePlace = { readonly line: number; readonly column: number };

type Listener = (line: string) => void;

/** What a guest says on its serial port, as lines without carriage returns and what moves a cursor. */
export class Console {
  readonly #lines: string[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #watchers = new Set<() => void>();
  #rest = "";
  #dropped = 0;
  #panic: string | undefined;

  /** All whole lines that are kept, the last 100,000. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The line of the kernel's panic, once there is one. */
  get panic(): string | undefined {
    return this.#panic;
  }

  /** Whether the guest has said anything. */
  get isSilent(): boolean {
    return this.#dropped + this.#lines.length === 0 && this.#rest.trim() === "";
  }

  /** The last lines, that which is not ended yet included. */
  tail(count: number): string[] {
    const rest = shownLine(this.#rest);
    return [...this.#lines.slice(-count), ...(rest === "" ? [] : [rest])].slice(-count);
  }

  /** The first line that `matches`, a prompt without its line end too. */
  find(matches: (line: string) => boolean): string | undefined {
    return this.#lines.find(matches) ?? [shownLine(this.#rest)].find(matches);
  }

  /** The first match in a line from a place on, and the place behind it; a line that is not ended counts as well. */
  match(pattern: RegExp, { line, column }: ConsolePlace): { found: RegExpExecArray; next: ConsolePlace } | undefined {
    const once = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`);
    const first = Math.max(line, this.#dropped);
    const candidates = [...this.#lines.slice(first - this.#dropped), shownLine(this.#rest)];
    for (const [index, text] of candidates.entries()) {
      once.lastIndex = first + index === line ? column : 0;
      const found = once.exec(text);
      if (found === null) continue;
      return { found, next: { line: first + index, column: found.index + Math.max(1, found[0].length) } };
    }
    return undefined;
  }

  /** Called with each whole line from now on; returns what ends it. */
  onLine(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called after whatever the guest says; returns what ends it. */
  onText(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Takes what came out of the serial port. */
  write(text: string): void {
    const parts = `${this.#rest}${text}`.split("\n");
    this.#rest = (parts.pop() ?? "").slice(-MAX_LINE_CHARS);
    for (const part of parts) this.#take(shownLine(part));
    for (const watcher of this.#watchers) watcher();
  }

  /** The guest will say no more. */
  end(): void {
    if (shownLine(this.#rest) !== "") this.write("\n");
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) {
      this.#lines.shift();
      this.#dropped++;
    }
    this.#panic ??= PANIC.exec(line)?.[0].replace(/ \]---$/, "");
    for (const listener of this.#listeners) listener(line);
  }
}

function shownLine(text: string): string {
  return stripVTControlCharacters(text.slice(0, MAX_LINE_CHARS)).replaceAll("\r", "");
}
