import { expect, test } from "vitest";
import { parseAddress } from "../../../../src/serve/client/index.ts";
import { type Message, readMessages } from "../../../../src/serve/client/messages.ts";

async function read(text: string, size: number): Promise<Message[]> {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const messages: Message[] = [];
  for await (const message of readMessages(pieces())) messages.push(message);
  return messages;
}

test.each([1, 3, 1000])("whole messages, whatever pieces of %i bytes they come in", async (size) => {
  const text =
    'retry: 1000\n\n: still there\n\nid: 5\nevent: log\ndata: {"ä":1}\n\nevent: end\r\ndata: a\r\ndata: b\r\n\r\nid: 9\ndata: cut off';
  expect(await read(text, size)).toEqual([
    { id: "5", event: "log", data: '{"ä":1}' },
    { event: "end", data: "a\nb" },
  ]);
});

test("addresses of services", () => {
  expect(parseAddress("unix:///run/fledge.sock")).toMatchObject({
    base: "http://localhost",
    socketPath: "/run/fledge.sock",
    isOpen: false,
  });
  expect(parseAddress("https://builds.example.org/fledge/")).toMatchObject({
    base: "https://builds.example.org/fledge",
    isOpen: false,
  });
  expect(parseAddress("http://127.0.0.1:8480")).toMatchObject({ base: "http://127.0.0.1:8480", isOpen: false });
  expect(parseAddress("http://builder:8480").isOpen).toBe(true);
  for (const text of ["", "builder:8480", "unix:relative", "ftp://x", "http://user:pw@host"])
    expect(() => parseAddress(text)).toThrow("no address");
});
