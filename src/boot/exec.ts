import type { Duplex } from "node:stream";
import { untilAborted } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { singleQuoted } from "../rootfs/edit/env.ts";

/** How a program in the guest ended, and what it said. A signal counts 128 and its number, as in shells. */
export type ExecResult = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Where a program runs in the guest. */
export type ExecOptions = {
  /** Default "/". */
  readonly cwd?: string;
  /** All of its environment. PATH has the usual folders unless it says otherwise. */
  readonly env?: Readonly<Record<string, string>>;
};

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs programs in a guest through its serial port of virtio. A request is a line, an identifier and a script in base64;
 * an answer is three: identifier and status, stdout, stderr, both in base64.
 */
export class ExecChannel {
  readonly #stream: Duplex;
  readonly #waiting = new Map<string, { resolve(result: ExecResult): void; reject(error: Error): void }>();
  #rest = "";
  #answer: string[] = [];
  #lastId = 0;

  constructor(stream: Duplex, ended: Promise<unknown>) {
    this.#stream = stream;
    stream.setEncoding("latin1").on("data", (text: string) => this.#read(text));
    void ended.then(() => this.#close());
  }

  /** Rejects with an `aborted` error, which leaves the program running, and when the guest ends. */
  async exec(command: readonly string[], options: ExecOptions, signal: AbortSignal): Promise<ExecResult> {
    return await this.run(scriptFor(command, options), signal);
  }

  /** Runs a script of the first stage's own shell. */
  async run(script: string, signal: AbortSignal): Promise<ExecResult> {
    const id = String(++this.#lastId);
    const answered = new Promise<ExecResult>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (this.#stream.destroyed) this.#close();
      else this.#stream.write(`${id} ${Buffer.from(script).toString("base64")}\n`);
    });
    return await untilAborted(answered, signal).finally(() => this.#waiting.delete(id));
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#answer.push(line);
      if (this.#answer.length === 3) this.#take(this.#answer.splice(0));
    }
  }

  #take([head = "", stdout = "", stderr = ""]: string[]): void {
    const [id = "", status = ""] = head.split(" ");
    this.#waiting.get(id)?.resolve({ status: Number(status), stdout: decoded(stdout), stderr: decoded(stderr) });
  }

  #close(): void {
    for (const { reject } of this.#waiting.values()) reject(new FledgeError("stage", "the guest has ended"));
    this.#waiting.clear();
  }
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

/** The shell has programs of its own for many names: what is run is always the guest's, found as execvp does. */
function scriptFor(command: readonly string[], { cwd = "/", env = {} }: ExecOptions): string {
  const [program = "", ...args] = command;
  if (program === "") throw new FledgeError("usage", "exec needs a program");
  if ([...command, cwd, ...Object.entries(env).flat()].some((word) => word.includes("\0"))) {
    throw new FledgeError("usage", "exec takes no text with a NUL in it: no program can be handed one");
  }
  const { PATH: path = PATH, ...others } = env;
  const words = args.map(singleQuoted).join(" ");
  const variables = Object.entries({ ...others, PATH: path }).map(([key, value]) => singleQuoted(`${key}=${value}`));
  const run = (name: string): string => `exec "$b" env -i ${variables.join(" ")} ${name} ${words}`;
  const enter = `cd ${singleQuoted(cwd)} || exit 126`;
  if (program.includes("/")) return [enter, run(singleQuoted(program))].join("\n");
  const folders = path.split(":").map((folder) => singleQuoted(folder === "" ? "." : folder));
  const found = `[ -f "$d"/${singleQuoted(program)} ] && [ -x "$d"/${singleQuoted(program)} ]`;
  return [
    enter,
    `for d in ${folders.join(" ")}; do`,
    `  if ${found}; then ${run(`"$d"/${singleQuoted(program)}`)}; fi`,
    "done",
    `echo ${singleQuoted(`${program}: not found in ${path}`)} >&2; exit 127`,
  ].join("\n");
}

/** Ends the guest by its own means: what runs may finish, what a disk has open is written, and it is unmounted. */
export const POWER_OFF = [
  "trap '' TERM",
  "kill -TERM -1",
  // A first process whose workload has ended powers off by itself.
  '"$b" sleep 3',
  "kill -KILL -1",
  '"$b" sync; "$b" mount -o remount,ro /',
  '"$b" poweroff -f',
].join("\n");

/**
 * What answers in the guest, beside its own processes: `folder` has the BusyBox of the first stage. Several programs may
 * run at once; their answers take turns.
 */
export function responderScript(folder: string, voice: string): string {
  return [
    `b=${folder}/busybox; w=${folder}/exec; export b`,
    '"$b" mkdir -p $w/dev; "$b" mount -t devtmpfs devtmpfs $w/dev',
    // The first number is that of the virtio device.
    'n=0; until p=$(echo $w/dev/vport*p1); [ -e "$p" ] || [ $n = 100 ]; do "$b" sleep 0.1; n=$((n+1)); done',
    `[ -e "$p" ] || { echo "${voice} programs cannot be run here: the kernel has no virtio-console"; exit 1; }`,
    'exec 3<>"$p"; "$b" umount -l $w/dev; : >$w/null',
    "while read -r id script <&3; do (",
    '  echo "$script" | "$b" base64 -d >$w/$id.sh',
    '  "$b" sh $w/$id.sh <$w/null >$w/$id.out 2>$w/$id.err 3>&-; s=$?',
    '  until "$b" mkdir $w/lock 2>$w/null; do "$b" sleep 0.05; done',
    '  { echo "$id $s"; "$b" base64 -w 0 $w/$id.out; echo; "$b" base64 -w 0 $w/$id.err; echo; } >&3',
    '  "$b" rm -f $w/$id.*; "$b" rmdir $w/lock',
    ") & done",
  ].join("\n");
}
