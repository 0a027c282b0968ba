import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const PLACE_IN_CHUNK = /(file:\/\/\/[^\s()]*\/dist\/chunks\/[^\s()/]+\.js):(\d+):(\d+)/g;

/** A stack whose places in the chunks of the built fledge are those in its sources, as the chunks' source maps say. */
export function inSources(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(PLACE_IN_CHUNK, (place: string, chunk: string, line: string, column: string) => {
    if (!maps.has(chunk)) maps.set(chunk, mapOf(chunk));
    const entry = maps.get(chunk)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !("originalSource" in entry)) return place;
    const source = fileURLToPath(new URL(entry.originalSource, chunk));
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

// Read here and not by Node, which would do so whenever a command starts.
function mapOf(chunk: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(fileURLToPath(`${chunk}.map`), "utf8")));
  } catch {
    return undefined;
  }
}
