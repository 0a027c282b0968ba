import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { nowMs } from "../../lib/clock.ts";
import { errnoOf } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import type { LoggedEvent, QueueEvent } from "./contract.ts";

/** A build that says more than this is not listened to any more, but for what becomes of it. */
const MAX_LOG_BYTES = 16 * 2 ** 20;

const TOO_MUCH = "the rest of what this build says is left out: its log is full";

/**
 * The events of one build in a file, a line of JSON each. Lines are only added, at once, and the place behind a line is
 * the number of its event: who reads from there has missed nothing.
 */
export class EventLog {
  readonly path: string;
  #file: number | undefined;
  #size = 0;
  #isFull = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Throws an `io` error where it cannot be written, as on a full disk. */
  append(event: QueueEvent): void {
    if (this.#isFull && event.type !== "state" && event.type !== "build:done" && event.type !== "build:failed") return;
    this.#write(event);
    if (this.#isFull || this.#size < MAX_LOG_BYTES) return;
    this.#isFull = true;
    this.#write({ type: "log", plugin: "plugin" in event ? event.plugin : "", message: TOO_MUCH });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #write(event: QueueEvent): void {
    const line = Buffer.from(`${JSON.stringify({ atMs: nowMs(), event })}\n`);
    try {
      const file = this.#open();
      for (let done = 0; done < line.length; ) done += writeSync(file, line, done);
      this.#size += line.length;
    } catch (error) {
      throw ioError(error, "write", this.path);
    }
  }

  #open(): number {
    if (this.#file !== undefined) return this.#file;
    this.#file = openSync(this.path, "a", 0o600);
    this.#size = fstatSync(this.#file).size;
    // What a crash or a full disk has cut off must not become one line with what follows.
    if (this.#size > 0) this.#size += writeSync(this.#file, "\n");
    return this.#file;
  }
}

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** The whole lines behind a place of a log, as far as there are any. A place that is none counts from its next line on. */
export async function* readLog(path: string, after: number): AsyncGenerator<LoggedEvent, void, undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw ioError(error, "read", path);
  });
  if (file === undefined) return;
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    let at = after;
    let isAtLine = after === 0 || (await isLineEnd(file, after - 1));
    for (let position = after; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      let bytes: Buffer = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
        at += end + 1;
        const event = isAtLine ? parsed(bytes.toString("utf8", 0, end), at) : undefined;
        isAtLine = true;
        bytes = bytes.subarray(end + 1);
        if (event !== undefined) yield event;
      }
      rest = bytes;
    }
  } finally {
    await file.close();
  }
}

type Reader = {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
};

async function isLineEnd(file: Reader, at: number): Promise<boolean> {
  const byte = Buffer.alloc(1);
  const { bytesRead } = await file.read(byte, 0, 1, at);
  return bytesRead === 1 && byte[0] === NEWLINE;
}

/** Undefined for a line that was cut off when the disk was full, or the machine was. */
function parsed(line: string, id: number): LoggedEvent | undefined {
  try {
    const { atMs, event } = JSON.parse(line) as Omit<LoggedEvent, "id">;
    return { id, atMs, event };
  } catch {
    return undefined;
  }
}
