import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { checkGuest, describeStep, portsOf, type TestableGuest } from "../../../src/boot/assertions.ts";
import type { BootReport } from "../../../src/boot/boot.ts";
import { Console } from "../../../src/boot/console.ts";
import type { BootTest } from "../../../src/boot/options.ts";

type Until = BootTest["until"];

/** A guest that says these texts, and ends so if it does. */
function guestThat(says: readonly string[], ended?: BootReport): TestableGuest {
  const console = new Console();
  for (const text of says) console.write(`${text}\n`);
  const started = performance.now();
  return {
    ...{ console, forwards: [], accelerator: "kvm", silenceCauses: ["no console"] },
    accepts: async (port) => port === 80,
    ended: ended === undefined ? new Promise(() => {}) : Promise.resolve(ended),
    elapsedMs: () => performance.now() - started,
  };
}

const check = (guest: TestableGuest, until: Until, not: string[] = []) =>
  checkGuest(guest, { until, not }, { httpPort: 80, signal: new AbortController().signal });

test("lines, patterns and ports are found, in a row", async () => {
  const until = [{ line: "ready" }, { pattern: "^re.dy$" }, { port: 80 }];
  const { reached, failure } = await check(guestThat(["ready"]), until);
  expect(failure).toBeUndefined();
  expect(reached.map(({ what }) => what)).toEqual(['the line "ready"', "a line that matches /^re.dy$/", "port 80"]);
});

test.each<[string, string, readonly string[], Until, string[], BootReport?]>([
  ["late", "port 81 was not there within 150 ms", ["x"], { port: 81, withinMs: 150 }, []],
  ["silent", "the guest has said nothing at all: no console", [], { line: "x", withinMs: 150 }, []],
  [
    "unwanted",
    'the console has "fault", which must not appear: a fault',
    ["a fault", "ready"],
    { line: "ready" },
    ["fault"],
  ],
  ["a panic", "Kernel panic - not syncing: no; ", ["Kernel panic - not syncing: no"], { line: "ready" }, []],
  [
    "an end",
    'the guest ended (poweroff, after its workload had ended with status 3) before the line "x" was there',
    ["y"],
    { line: "x" },
    [],
    { exit: "poweroff", workloadStatus: 3, durationMs: 1 },
  ],
  [
    "another end",
    "the guest ended (reboot) before its end by poweroff was there",
    ["y"],
    { exit: "poweroff" },
    [],
    { exit: "reboot", durationMs: 1 },
  ],
  ["nobody", "nothing takes connections there", ["y"], { http: "/", port: 81, withinMs: 150 }, []],
])("a failure says why: %s", async (_name, failure, says, until, not, ended) => {
  expect((await check(guestThat(says, ended), until, not)).failure).toContain(failure);
});

test("an end that was waited for passes", async () => {
  const ended = { exit: "reboot", durationMs: 1 } as const;
  expect((await check(guestThat(["y"], ended), { exit: "any" })).failure).toBeUndefined();
  expect((await check(guestThat(["late line"], ended), { line: "late" })).failure).toBeUndefined();
});

test("an answer counts that a browser takes: lines of a script without carriage returns", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Type: text/plain\n\nit is UTC\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const forwards = [{ hostPort: (server.address() as AddressInfo).port, guestPort: 80 }];
  const { failure } = await check({ ...guestThat(["y"]), forwards }, { http: "/", contains: "UTC", withinMs: 2000 });
  expect(failure).toBeUndefined();
});

test("an abort throws", async () => {
  const context = { httpPort: 80, signal: AbortSignal.abort() };
  await expect(checkGuest(guestThat([]), { until: { line: "x" } }, context)).rejects.toThrow("interrupted");
});

test("steps are described, and their ports known", () => {
  const http = { http: "/x", status: 404, contains: "no" };
  expect(describeStep(http)).toBe('an answer at /x with status 404 with "no" in it');
  expect(portsOf({ until: [http, { port: 81 }, { http: "/", port: 81 }, { line: "x" }] }, 8080)).toEqual([8080, 81]);
});
