import { FledgeError } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/suggest.ts";
import type { Command } from "../commands.ts";
import { RUN_FLAGS } from "../flags.ts";
import { line, print, printJson, type Shown, shown } from "../terminal.ts";

type Args = {
  readonly _: readonly string[];
  readonly "cache-dir"?: string;
  readonly "older-than"?: string;
  readonly "max-size"?: string;
  readonly json?: boolean;
};

export const cache: Command = {
  meta: { name: "cache", description: "List, prune and verify what downloads have left" },
  args: {
    action: { type: "positional", required: false, valueHint: "ls|prune|verify|path", description: "What to do" },
    "cache-dir": RUN_FLAGS["cache-dir"],
    "older-than": { type: "string", valueHint: "AGE", description: "prune: what was not used for 12h, 7d, 4w" },
    "max-size": { type: "string", valueHint: "SIZE", description: "prune: then the oldest, until 10G are left" },
    json: { type: "boolean", description: "Print JSON" },
  },
  examples: [
    ["ls", "layers and downloads, the last used first"],
    ["prune --older-than 7d --max-size 10G", "keep what is of use"],
    ["prune", "remove all but what running builds read"],
    ["verify", "hash everything; exits 1 when something is damaged"],
    ["path", "where it is"],
  ],
  async run({ args: parsed }) {
    const args = parsed as unknown as Args;
    const [name, ...rest] = args._;
    const action = ACTIONS[name ?? ""];
    if (action === undefined || rest.length > 0) {
      const hint = didYouMean(name ?? "", Object.keys(ACTIONS));
      throw new FledgeError("usage", `fledge cache takes one of ${Object.keys(ACTIONS).join(", ")}`, { hint });
    }
    const { resolveCacheDir } = await import("../../store/cache-dir.ts");
    return await action(resolveCacheDir(process.env, args["cache-dir"]), args);
  },
};

const ACTIONS: Readonly<Record<string, (folder: string, args: Args) => Promise<number>>> = {
  async ls(folder, { json }) {
    const [{ listCache }, { formatSize }] = await Promise.all([
      import("../../store/manage.ts"),
      import("../../lib/bytes.ts"),
    ]);
    const items = await listCache(folder);
    if (json) return tellJson(items);
    const total = items.reduce((sum, item) => sum + item.sizeBytes, 0);
    const rows = items.map(({ kind, digest, sizeBytes, lastUsedMs }) => {
      const used = new Date(lastUsedMs).toISOString().slice(0, 16).replace("T", " ");
      return line`${kind.padEnd(5)}  ${formatSize(sizeBytes).padStart(10)}  ${used}  ${digest}`;
    });
    return tell([...rows, line`${items.length} in all, ${formatSize(total)}`]);
  },
  async prune(folder, args) {
    const [{ pruneCache }, { formatSize, parseSize }] = await Promise.all([
      import("../../store/manage.ts"),
      import("../../lib/bytes.ts"),
    ]);
    const olderThan = args["older-than"];
    const maxSize = args["max-size"];
    const result = await pruneCache(folder, {
      ...(olderThan !== undefined && { olderThanMs: parseAge(olderThan) }),
      ...(maxSize !== undefined && { maxSizeBytes: parseSize(maxSize) }),
    });
    if (args.json) return tellJson(result);
    const kept = result.inUse.length === 0 ? "" : `; ${result.inUse.length} kept, which running builds read`;
    return tell([line`removed ${result.removed.length}, freed ${formatSize(result.freedBytes)}${kept}`]);
  },
  async verify(folder, { json }) {
    const [{ verifyCache }, { onInterrupt }] = await Promise.all([
      import("../../store/manage.ts"),
      import("../interrupt.ts"),
    ]);
    const result = await verifyCache(folder, onInterrupt());
    const lines = result.damaged.map(({ item, why }) => line`${item.path}: ${why}; the next build fetches it again`);
    if (json) tellJson(result);
    else tell([...lines, line`${result.checked} checked, ${result.damaged.length} damaged`]);
    return result.damaged.length === 0 ? 0 : 1;
  },
  async path(folder) {
    return tell([shown(folder)]);
  },
};

const AGE_MS: Readonly<Record<string, number>> = { m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** Milliseconds of `30m`, `12h`, `7d` or `4w`. */
function parseAge(text: string): number {
  const [, count, unit = ""] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (AGE_MS[unit] ?? 0);
  throw new FledgeError("usage", `--older-than "${text}" is not an age`, { hint: "write it like 12h, 7d or 4w" });
}

function tell(lines: readonly Shown[]): number {
  print(lines);
  return 0;
}

function tellJson(value: unknown): number {
  printJson(value, 2);
  return 0;
}
