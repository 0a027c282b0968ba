import type { Duplex } from "node:stream";
import { FledgeError } from "../../lib/errors.ts";

type Message = {
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
  readonly event?: string;
  readonly data?: { readonly reason?: string };
  readonly id?: number;
};

/** QEMU's machine protocol (docs/interop/qmp-spec) over a connection: JSON objects, one per line. */
export class Qmp {
  /** Why the guest was shut down, in QEMU's words ("guest-reset"), once it is. */
  shutdownReason: string | undefined;
  readonly #stream: Duplex;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #rest = "";
  #lastId = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    stream.on("error", () => this.#close());
    stream.on("close", () => this.#close());
  }

  /** Rejects when QEMU refuses, or has ended. */
  ask(execute: string, args?: Readonly<Record<string, string>>): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (this.#stream.destroyed) this.#close();
      else this.#stream.write(`${JSON.stringify({ execute, ...(args && { arguments: args }), id })}\n`);
    });
  }

  /** The answer to a command for people. */
  async askHuman(command: string): Promise<string> {
    return String(await this.ask("human-monitor-command", { "command-line": command }));
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#take(JSON.parse(line) as Message);
  }

  #take({ id, event, data, error, return: value }: Message): void {
    if (event === "SHUTDOWN") this.shutdownReason ??= data?.reason;
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return;
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(new FledgeError("stage", `QEMU refused: ${error.desc ?? "without a word"}`));
  }

  #close(): void {
    for (const { reject } of this.#waiting.values()) reject(new FledgeError("stage", "QEMU has ended"));
    this.#waiting.clear();
  }
}
