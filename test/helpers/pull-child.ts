import { openSource } from "../../src/sources/index.ts";
import { pullContext } from "./pull-context.ts";

// A build of its own, for tests of several processes: fetches an image into a cache and says how many layers it has.
const [cacheDir = "", image = ""] = process.argv.slice(2);
const ctx = pullContext({}, cacheDir);
const source = openSource({ image, platform: "linux/amd64" });
let layers = 0;
for await (const _ of source.layers(await source.pin(ctx), ctx)) layers++;
process.stdout.write(`${layers} layers\n`);
await ctx.disposer.dispose();
