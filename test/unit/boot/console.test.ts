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
