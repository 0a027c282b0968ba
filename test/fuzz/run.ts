import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { isFledgeError } from "../../src/lib/errors.ts";
import { MAX_INPUT_BYTES, mutate, randomFrom } from "./random.ts";
import { corpusOf, READERS } from "./readers.ts";

// npm run fuzz NAME... [-- --minutes N | --seconds N] [--seed N]: feeds readers changed inputs. A finding is what is thrown
// that is no FledgeError, an input that takes too long, and memory that does not come back; its input is kept in
// test/fuzz/crashes, from where it goes into test/fuzz/corpus as NAME-WHAT once it is mended.

type Job = { readonly name: string; readonly seed: number; readonly ms: number; readonly shared: SharedArrayBuffer };
type Report = { readonly inputs: number; readonly finding?: string };

const CRASHES = fileURLToPath(new URL("crashes/", import.meta.url));
/** Without an answer for so long a reader hangs. */
const HANG_MS = 30_000;
const MEMORY_BYTES = 1024 * 2 ** 20;
/** Two numbers before the input: how many there were, and how long it is. */
const HEAD_BYTES = 8;

if (isMainThread) await main();
else parentPort?.on("message", async (job: Job) => parentPort?.postMessage(await hunt(job)));

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: "string" }, seconds: { type: "string" }, seed: { type: "string" } },
  });
  if (positionals.length === 0 || positionals.some((name) => READERS[name] === undefined)) {
    process.stderr.write(
      `usage: npm run fuzz NAME... -- [--minutes N] [--seed N]\nNAME is one of ${Object.keys(READERS).join(", ")}\n`,
    );
    process.exitCode = 2;
    return;
  }
  const ms = values.seconds === undefined ? Number(values.minutes ?? 1) * 60_000 : Number(values.seconds) * 1000;
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  // A thread, which can be ended when it hangs, and on which tsx has to be asked for anew.
  const start = `import("tsx/esm/api").then(({ register }) => (register(), import(${JSON.stringify(import.meta.url)})))`;
  const worker = new Worker(start, { eval: true });
  try {
    for (const name of positionals) if (!(await isSound(worker, { name, seed, ms }))) return;
  } finally {
    await worker.terminate();
  }
}

/** Whether a hunt finds nothing; what it finds is told and kept. */
async function isSound(worker: Worker, job: Omit<Job, "shared">): Promise<boolean> {
  const { name, seed } = job;
  process.stdout.write(`${name}: seed ${seed}\n`);
  const shared = new SharedArrayBuffer(HEAD_BYTES + MAX_INPUT_BYTES);
  const { inputs, finding } = await watch(worker, { ...job, shared });
  process.stdout.write(`${name}: ${inputs} inputs\n`);
  if (finding === undefined) return true;
  mkdirSync(CRASHES, { recursive: true });
  const [, length = 0] = new Uint32Array(shared, 0, 2);
  const file = `${CRASHES}${name}-${seed}-${inputs}`;
  writeFileSync(file, Buffer.from(new Uint8Array(shared, HEAD_BYTES, length)));
  process.stderr.write(`${finding}\nits input is kept in ${file}\n`);
  process.exitCode = 1;
  return false;
}

function watch(worker: Worker, job: Job): Promise<Report> {
  const counts = new Uint32Array(job.shared, 0, 2);
  return new Promise((resolve, reject) => {
    let seen = -1;
    const timer = setInterval(() => {
      const [inputs = 0] = counts;
      if (inputs === seen && inputs > 0) end({ inputs, finding: `it hangs: no answer for ${HANG_MS / 1000} s` });
      seen = inputs;
    }, HANG_MS);
    const end = (report: Report): void => {
      clearInterval(timer);
      worker.off("message", end).off("error", reject);
      resolve(report);
    };
    worker.on("message", end).on("error", reject);
    worker.postMessage(job);
  });
}

async function hunt({ name, seed, ms, shared }: Job): Promise<Report> {
  const reader = READERS[name];
  if (reader === undefined) throw new Error(`there is no reader ${name}`);
  const corpus = await corpusOf(name, reader);
  const random = randomFrom(seed);
  const counts = new Uint32Array(shared, 0, 2);
  const current = new Uint8Array(shared, HEAD_BYTES);
  const endMs = Date.now() + ms;
  for (let inputs = 0; ; inputs++) {
    // First those of the corpus as they are.
    const base = corpus[inputs < corpus.length ? inputs : random(corpus.length)] as Buffer;
    const input = inputs < corpus.length ? Buffer.from(base) : mutate(base, corpus, random);
    counts[0] = inputs + 1;
    counts[1] = Math.min(input.length, MAX_INPUT_BYTES);
    current.set(input.subarray(0, MAX_INPUT_BYTES));
    try {
      await reader.read(input);
    } catch (error) {
      if (!isFledgeError(error) || error.code === "internal") {
        return { inputs: inputs + 1, finding: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    }
    if (inputs % 256 === 0 && process.memoryUsage().rss > MEMORY_BYTES) {
      return { inputs: inputs + 1, finding: `${process.memoryUsage().rss} bytes of memory are in use` };
    }
    if (Date.now() > endMs && inputs >= corpus.length) return { inputs: inputs + 1 };
  }
}
