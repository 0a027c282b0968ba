import { expect, test } from "vitest";
import { Console } from "../../../src/boot/console.ts";

test("lines are without carriage returns and escapes, however they come in", () => {
  const console = new Console();
  const heard: string[] = [];
  console.onLine((line) => heard.push(line));
  for (const text of ["\x1b[1mon", "e\x1b[0m\r\ntw", "o\r\n", "prompt# "]) console.write(text);
  expect(heard).toEqual(["one", "two"]);
  expect(console.find((line) => line.startsWith("prompt"))).toBe("prompt# ");
  expect(console.tail(2)).toEqual(["two", "prompt# "]);
  console.end();
  expect(heard).toEqual(["one", "two", "prompt# "]);
});

test("a panic is kept, and nothing but line ends is silence", () => {
  const console = new Console();
  console.write("\r\n");
  expect(console.lines).toEqual([""]);
  const other = new Console();
  expect(other.isSilent).toBe(true);
  other.write("[    7.7] Kernel panic - not syncing: VFS: no root\r\n---[ end Kernel panic - not syncing: x ]---\n");
  expect(other.panic).toBe("Kernel panic - not syncing: VFS: no root");
  expect(other.isSilent).toBe(false);
});

test("a line that never ends takes no more than 16 KiB", () => {
  const console = new Console();
  for (let i = 0; i < 100; i++) console.write("x".repeat(1000));
  console.end();
  expect(console.lines[0]?.length).toBe(16 * 1024);
});

test("matches go on behind the last one, lines that are not ended and that are gone included", () => {
  const console = new Console();
  console.write("one two\r\n\x1b[1mtwo\x1b[0m\nlogin: ");
  const start = { line: 0, column: 0 };
  const first = console.match(/two/g, start);
  expect(first?.next).toEqual({ line: 0, column: 7 });
  const second = console.match(/^two$/, first?.next ?? start);
  expect(second?.next).toEqual({ line: 1, column: 3 });
  expect(console.match(/two/, second?.next ?? start)).toBeUndefined();
  expect(console.match(/^$/, second?.next ?? start)).toBeUndefined();
  const prompt = console.match(/login:/, second?.next ?? start);
  expect(prompt?.next).toEqual({ line: 2, column: 6 });
  console.write("me\n");
  expect(console.match(/me/, prompt?.next ?? start)?.next).toEqual({ line: 2, column: 9 });
  for (let i = 0; i < 100_001; i++) console.write(`line ${i}\n`);
  expect(console.match(/line 100000/, start)?.next.line).toBe(100_003);
});
