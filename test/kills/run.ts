import { randomFrom } from "../fuzz/random.ts";
import { killBoots } from "./boots.ts";
import { buildInNamespaces, fillDisks, flipCache, shareCache } from "./disturbed.ts";
import { killWorkers } from "./farm.ts";
import { killAtRandom, stopAtRandom } from "./killed.ts";
import { type Run, Tally } from "./tally.ts";

// npm run kills [NAME...]: disturbs builds of the built command in every way that issue reports have named, and counts
// what becomes of them. SEED=N draws the same moments again, TIMES=N sets how often.

const RUNS: Readonly<Record<string, { readonly times: number; readonly run: (run: Run) => Promise<void> }>> = {
  cold: { times: 50, run: (run) => killAtRandom("cold", run) },
  warm: { times: 50, run: (run) => killAtRandom("warm", run) },
  publish: { times: 50, run: (run) => killAtRandom("publish", run) },
  prune: { times: 50, run: (run) => killAtRandom("prune", run) },
  sigterm: { times: 25, run: (run) => stopAtRandom("SIGTERM", run) },
  sighup: { times: 25, run: (run) => stopAtRandom("SIGHUP", run) },
  namespaces: { times: 20, run: buildInNamespaces },
  disks: { times: 1, run: fillDisks },
  users: { times: 1, run: shareCache },
  boots: { times: 50, run: killBoots },
  farm: { times: 50, run: killWorkers },
  flips: { times: 8, run: flipCache },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => RUNS[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`there is no ${unknown.join(", ")}; there are ${Object.keys(RUNS).join(", ")}\n`);
  process.exit(2);
}
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
process.stdout.write(`SEED=${seed}\n`);
for (const [name, { times, run }] of Object.entries(RUNS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const tally = new Tally(name);
  await run({ times: Number(process.env.TIMES ?? times), random: randomFrom(seed), tally });
  tally.report();
  if (tally.findings.length > 0) process.exitCode = 1;
}
