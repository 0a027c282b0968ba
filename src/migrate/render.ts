import type { LayerInput } from "../config/schema.ts";
import type { Comments } from "./comments.ts";
import { commentLine, objectLiteral } from "./literal.ts";

/** The order in which people read a recipe; keys that are not here follow as they came. */
const ORDER = [
  "name",
  "version",
  "extends",
  "strategy",
  "platform",
  "platforms",
  "source",
  "busybox",
  "init",
  "agent",
  "mappings",
  "filesystem",
  "archive",
  "outDir",
  "manifest",
];

/** The text of a fledge.config.ts, each comment above its key. */
export function renderConfig(values: LayerInput, comments: Comments): string {
  const ordered = Object.fromEntries(Object.entries(values).sort(([a], [b]) => rank(a) - rank(b)));
  const head = comments.at([]).map((line) => `${commentLine(line)}\n`);
  const recipe = objectLiteral(ordered, comments);
  return `import { definePlugin } from "@volantvm/fledge";\n\n${head.join("")}export default definePlugin(${recipe});\n`;
}

function rank(key: string): number {
  const place = ORDER.indexOf(key);
  return place < 0 ? ORDER.length : place;
}
