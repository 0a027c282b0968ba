/** One server-sent event. */
export type Message = { readonly id?: string; readonly event: string; readonly data: string };

/** More than this without an end is no event of ours. */
const LONGEST = 8 * 2 ** 20;

/** The messages of a stream of events, as far as they are whole (WHATWG HTML, 9.2.6). */
export async function* readMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Message, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    if (rest.length > LONGEST) throw new Error("an event that does not end");
    for (const block of blocks) {
      const message = parsed(block);
      if (message !== undefined) yield message;
    }
  }
}

/** Undefined for comments, by which a connection is kept open. */
function parsed(block: string): Message | undefined {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field = "", value = ""] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
    if (field === "event") event = value;
    if (field === "id") id = value;
    if (field === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join("\n"), ...(id !== undefined && { id }) };
}
