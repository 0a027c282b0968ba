import type { Lockable, LockEntry, Locks, Unpinned } from "../contract/lock.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { contextOutside, type Env, epochFrom, type RunContext, type Warning } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { FledgeError } from "../lib/errors.ts";
import { inParallel } from "../lib/jobs.ts";
import { didYouMean } from "../lib/suggest.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { editLock, type LockEdits, readLock } from "./file.ts";
import { faultsIn } from "./hold.ts";
import { lockablesOf, lockFileOf } from "./inputs.ts";

/** What the functions that write locks take. */
export type LockOptions = {
  /** Stops it; nothing is written then. */
  readonly signal?: AbortSignal;
  /** Default `process.env`. */
  readonly env?: Env;
  /** As `build` has it. */
  readonly cacheDir?: string;
  /** Whether the plugins are all that the lock is of, so that other entries go. Default false. */
  readonly prune?: boolean;
};

/** What `updateLock` takes. */
export type UpdateOptions = LockOptions & {
  /** Only these inputs: `nginx`, `nginx:alpine`, `agent`, `busybox`, or a key. Default all. */
  readonly names?: readonly string[];
  /** Find out, and write nothing. Default false. */
  readonly dryRun?: boolean;
};

/** An entry that is new (no `from`), different, or gone (no `to`). */
export type LockChange = { readonly key: string; readonly from?: LockEntry; readonly to?: LockEntry };

/** What became of one lock, or would. */
export type LockReport = {
  readonly file: string;
  readonly changes: readonly LockChange[];
  /** Entries that stay as they are. */
  readonly kept: readonly string[];
  /** What no entry can hold; a frozen build refuses it. */
  readonly unpinned: readonly Unpinned[];
  /** What else the lock does not hold, such as what RUN of a Dockerfile fetches. */
  readonly notes: readonly string[];
  readonly warnings: readonly Warning[];
};

/** Writes what the locks of plugins lack; what is in them stays as it is. */
export async function lockPlugins(
  plugins: readonly ResolvedPlugin[],
  options: LockOptions = {},
): Promise<LockReport[]> {
  return await renew(plugins, options, (faulty) => faulty);
}

/** Asks for what is in locks anew, and writes what is different. Throws a `usage` error for a name of no input. */
export async function updateLock(
  plugins: readonly ResolvedPlugin[],
  options: UpdateOptions = {},
): Promise<LockReport[]> {
  const { names = [] } = options;
  const isMeant = (input: Lockable): boolean => names.length === 0 || names.some((name) => isCalled(input, name));
  const groups = await groupsOf(plugins);
  const known = groups.flatMap(({ inputs }) => inputs).filter(({ pinned }) => pinned === undefined);
  for (const name of names) {
    if (known.some((input) => isCalled(input, name))) continue;
    const hint =
      known.length === 0
        ? "nothing that is built here comes from outside, so that there is nothing to lock"
        : didYouMean(name, [...new Set(known.flatMap((input) => input.names))]);
    throw new FledgeError("usage", `nothing that is locked is called "${name}"`, { hint });
  }
  return await renew(plugins, options, (faulty, input) => faulty || isMeant(input), groups);
}

function isCalled({ key, names }: Lockable, name: string): boolean {
  return name === key || names.includes(name);
}

type Group = {
  readonly file: string;
  readonly inputs: Lockable[];
  readonly unpinned: Unpinned[];
  readonly notes: string[];
};

/** The inputs of plugins by the lock that they belong to. */
async function groupsOf(plugins: readonly ResolvedPlugin[]): Promise<Group[]> {
  const groups = new Map<string, Group>();
  for (const plugin of plugins) {
    const file = await lockFileOf(plugin);
    const group = groups.get(file) ?? { file, inputs: [], unpinned: [], notes: [] };
    groups.set(file, group);
    const { inputs, unpinned, notes } = await lockablesOf(plugin);
    group.inputs.push(...inputs);
    group.unpinned.push(...unpinned);
    group.notes.push(...notes.filter((note) => !group.notes.includes(note)));
  }
  return [...groups.values()];
}

type Choice = (isFaulty: boolean, input: Lockable) => boolean;

async function renew(
  plugins: readonly ResolvedPlugin[],
  options: UpdateOptions,
  isAsked: Choice,
  groups?: readonly Group[],
): Promise<LockReport[]> {
  const disposer = new Disposer();
  const warnings: Warning[] = [];
  const ctx = contextOf(options, disposer, warnings);
  try {
    const reports: LockReport[] = [];
    for (const group of groups ?? (await groupsOf(plugins))) {
      const report = await renewOne(group, options, isAsked, ctx);
      reports.push({ ...report, warnings: warnings.splice(0) });
    }
    return reports;
  } finally {
    await disposer.dispose();
  }
}

async function renewOne(
  { file, inputs, notes, unpinned }: Group,
  { dryRun = false, prune = false }: UpdateOptions,
  isAsked: Choice,
  ctx: RunContext,
): Promise<Omit<LockReport, "warnings">> {
  const before = await readLock(file);
  const wanted = inputs.filter(({ pinned }) => pinned === undefined);
  const faulty = new Set(faultsIn(wanted, before).map(({ input }) => input.key));
  const asked = wanted.filter((input) => isAsked(faulty.has(input.key), input));
  const found = await resolveAll(asked, ctx);
  const keys = new Set(wanted.map(({ key }) => key));
  const edits: Map<string, LockEntry | undefined> = new Map(found);
  if (prune) for (const key of before?.keys() ?? []) if (!keys.has(key)) edits.set(key, undefined);
  if (!dryRun) await editLock(file, edits, ctx);
  const changes = changesIn(before, edits);
  const changed = new Set(changes.map(({ key }) => key));
  const silent = [...found].filter(([, entry]) => entry === undefined).map(([key]) => key);
  return {
    file,
    changes,
    kept: [...(before?.keys() ?? [])].filter((key) => !changed.has(key)).sort(),
    unpinned: [...unpinned, ...silent.map((what) => ({ what, hint: "let its pin() return a digest" }))],
    notes,
  };
}

const PARALLEL = 4;

/** Each key once; sources of the user's that share a name have to agree, since an entry cannot be of two things. */
async function resolveAll(inputs: readonly Lockable[], ctx: RunContext): Promise<Map<string, LockEntry | undefined>> {
  const isFirst = (input: Lockable, i: number): boolean => inputs.findIndex(({ key }) => key === input.key) === i;
  const once = inputs.filter((input, i) => input.key.startsWith("source ") || isFirst(input, i));
  const entries = await inParallel(once, PARALLEL, (input) => input.resolve(ctx));
  const found = new Map<string, LockEntry | undefined>();
  for (const [i, { key }] of once.entries()) {
    const entry = entries[i];
    if (found.has(key) && !isSame(found.get(key), entry)) {
      throw new FledgeError("config", `two sources are called "${key}" and are not the same`, {
        hint: "give each a name of its own: the lock knows them by it",
      });
    }
    found.set(key, entry);
  }
  return found;
}

function changesIn(before: Locks | undefined, edits: LockEdits): LockChange[] {
  return [...edits]
    .map(([key, to]) => ({ key, from: before?.get(key), to }))
    .filter(({ from, to }) => !isSame(from, to))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, from, to }) => ({ key, ...(from && { from }), ...(to && { to }) }));
}

function isSame(a: LockEntry | undefined, b: LockEntry | undefined): boolean {
  const lines = (entry: LockEntry | undefined): string => JSON.stringify(Object.entries(entry ?? {}).sort());
  return lines(a) === lines(b);
}

function contextOf(
  { env = process.env, cacheDir, signal }: LockOptions,
  disposer: Disposer,
  warnings: Warning[],
): RunContext {
  const shared = {
    env,
    signal: signal ?? new AbortController().signal,
    cacheDir: resolveCacheDir(env, cacheDir),
    epoch: epochFrom(env),
    disposer,
  };
  return contextOutside(shared, { warn: (warning) => void warnings.push(warning) });
}
