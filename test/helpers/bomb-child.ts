import { createReadStream } from "node:fs";
import { errorData } from "../../src/lib/errors.ts";
import { applyLayer } from "../../src/rootfs/layers/apply.ts";
import type { LayerLimits } from "../../src/rootfs/limits.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { openLayer } from "../../src/store/layers.ts";
import { pullContext } from "./pull-context.ts";

// Reads a layer as a build does, in a process of its own, and says what that took.
const [cacheDir = "", blob = "", limitsText = "{}"] = process.argv.slice(2);
const limits = JSON.parse(limitsText) as Partial<LayerLimits>;
const ctx = pullContext({}, cacheDir);

/** Processor time: on a busy machine the clock says nothing. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

let longestMs = 0;
let tickMs = cpuMs();
const timer = setInterval(() => {
  const now = cpuMs();
  longestMs = Math.max(longestMs, now - tickMs);
  tickMs = now;
}, 5);

let warnings = 0;
const warn = ({ message }: { message: string }): void => {
  warnings += message.length;
};
const startMs = cpuMs();
let outcome = "ok";
try {
  const layer = await openLayer(
    { label: "the layer", limits, hasWhiteouts: true, open: () => createReadStream(blob) },
    { ...ctx, warn },
  );
  await applyLayer(new RootfsTree().root, layer, { limits, warn });
} catch (error) {
  const { code, message } = errorData(error);
  outcome = `${code}: ${message}`;
}
const took = {
  cpuMs: cpuMs() - startMs,
  rssBytes: process.resourceUsage().maxRSS * 1024,
  longestMs,
  warnings,
  outcome,
};
clearInterval(timer);
process.stdout.write(JSON.stringify(took));
await ctx.disposer.dispose();
