import { createReadStream } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Digest } from "../../src/lib/digest.ts";
import { openLayer } from "../../src/store/layers.ts";
import { pullContext } from "./pull-context.ts";

// A build of its own, for tests of several processes: opens one layer and says `fetch` and `done FROM_CACHE ENTRIES`.
const [cacheDir = "", blob = "", diffId = "", pauseMs = "0"] = process.argv.slice(2);
const ctx = pullContext({}, cacheDir);

async function* open(): AsyncGenerator<Uint8Array> {
  process.stdout.write("fetch\n");
  for await (const chunk of createReadStream(blob, { highWaterMark: 64 * 1024 })) {
    yield chunk as Buffer;
    await delay(Number(pauseMs));
  }
}

const layer = await openLayer({ label: "the layer", diffId: diffId as Digest, open }, ctx);
let entries = 0;
for await (const _ of layer.entries()) entries++;
process.stdout.write(`done ${layer.fromCache} ${entries}\n`);
await ctx.disposer.dispose();
