/** One instruction of a Dockerfile. */
export type Instruction = {
  /** On one line, without comments and without the lines of here-documents. */
  readonly text: string;
  /** In capital letters. */
  readonly keyword: string;
  /** What follows it, between spaces. */
  readonly words: readonly string[];
  /** Where it begins, counted from 0, and how many lines it takes before its here-documents. */
  readonly line: number;
  readonly lines: number;
};

/** A word that says that a here-document follows: `<<EOF`, `<<-EOF`, `3<<"EOF"`. */
const HERE_DOCUMENT = /^\d*<<(-?)(["']?)([A-Za-z_][\w.-]*)\2$/;

/** Instructions in their order. What is in a here-document is none, whatever it looks like. */
export function* instructionsOf(text: string): Generator<Instruction> {
  const continuation = /^(?:#[^\n]*\n)*#\s*escape\s*=\s*`/i.test(text) ? "`" : "\\";
  const lines = text.split(/\r?\n/);
  let held = "";
  let first = 0;
  for (let at = 0; at < lines.length; at++) {
    const part = (lines[at] ?? "").trim();
    if (part.startsWith("#") || (part === "" && held === "")) continue;
    if (held === "") first = at;
    if (part.endsWith(continuation) && at + 1 < lines.length) {
      held += `${part.slice(0, -1)} `;
      continue;
    }
    const whole = `${held}${part}`.trim();
    held = "";
    if (whole !== "") yield instruction(whole, first, at + 1 - first);
    at = endOfDocuments(whole, lines, at);
  }
  if (held.trim() !== "") yield instruction(held.trim(), first, lines.length - first);
}

function instruction(text: string, line: number, lines: number): Instruction {
  const [keyword = "", ...words] = text.split(/\s+/);
  return { text, keyword: keyword.toUpperCase(), words, line, lines };
}

/** The image and the name of the stage of a FROM; a stage without a name has the empty one. */
export function stageOf({ words }: Instruction): { readonly image: string | undefined; readonly name: string } {
  const [image, as, name = ""] = words.filter((word) => !word.startsWith("--"));
  return { image, name: as?.toUpperCase() === "AS" ? name : "" };
}

/** The frontend that a file asks for (`# syntax=`). */
export function frontendOf(text: string): string | undefined {
  return /^(?:#[^\n]*\n)*#\s*syntax\s*=\s*(\S+)/i.exec(text)?.[1];
}

/** The last line of the here-documents that an instruction begins; the instruction's own when it begins none. */
function endOfDocuments(instruction: string, lines: readonly string[], at: number): number {
  if (!/^(?:RUN|COPY|ADD)\s/i.test(instruction)) return at;
  let end = at;
  for (const word of instruction.split(/\s+/)) {
    const [, dash, , name] = HERE_DOCUMENT.exec(word) ?? [];
    if (name === undefined) continue;
    const closes = (line: string): boolean => (dash === "-" ? line.replace(/^\t+/, "") : line) === name;
    const close = lines.findIndex((line, i) => i > end && closes(line));
    // Without an end it is a shell's business, or a mistake that the engine tells.
    if (close >= 0) end = close;
  }
  return end;
}
