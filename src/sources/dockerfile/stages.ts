/**
 * The names of the stages of a Dockerfile, in order, "" for one without; undefined where a frontend other than Docker's
 * says what the file means (`# syntax=`).
 */
export function stagesOf(text: string): string[] | undefined {
  const syntax = /^(?:#[^\n]*\n)*#\s*syntax\s*=\s*(\S+)/i.exec(text)?.[1];
  if (syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:[:@]|$)/.test(syntax)) return undefined;
  const stages: string[] = [];
  for (const instruction of instructionsOf(text)) {
    const [keyword = "", ...words] = instruction.split(/\s+/);
    if (keyword.toUpperCase() !== "FROM") continue;
    const [, as, name] = words.filter((word) => !word.startsWith("--"));
    stages.push(as?.toUpperCase() === "AS" && name !== undefined ? name : "");
  }
  return stages;
}

/** Whether a target names one of the stages: by its name, in any case, or by its number. */
export function hasStage(stages: readonly string[], target: string): boolean {
  if (/^\d+$/.test(target)) return Number(target) < stages.length;
  return stages.some((stage) => stage !== "" && stage.toLowerCase() === target.toLowerCase());
}

/** Instructions, each on one line, without comments. */
function* instructionsOf(text: string): Generator<string> {
  const continuation = /^(?:#[^\n]*\n)*#\s*escape\s*=\s*`/i.test(text) ? "`" : "\\";
  let held = "";
  for (const line of text.split(/\r?\n/)) {
    const part = line.trim();
    if (part.startsWith("#") || (part === "" && held === "")) continue;
    if (part.endsWith(continuation)) {
      held += `${part.slice(0, -1)} `;
      continue;
    }
    yield `${held}${part}`;
    held = "";
  }
  if (held !== "") yield held.trim();
}
