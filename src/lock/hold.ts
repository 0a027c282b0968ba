import type { Lockable, Lockables, LockEntry, Locks } from "../contract/lock.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { isOffline, isSet, type RunContext, type Warning } from "../lib/context.ts";
import { FledgeError, type Problem } from "../lib/errors.ts";
import { editLock, readLock } from "./file.ts";
import { bootLockablesOf, lockablesOf, lockFileOf } from "./inputs.ts";

/** What a build is held to, and what there is to say of it. */
export type Held = { readonly locks?: Locks; readonly warnings: readonly Warning[] };

/** How a build or a boot is held: whether to all there is, as CI wants it. */
export type HoldOptions = { readonly frozen?: boolean | undefined; readonly use?: "build" | "boot" };

/**
 * What the lock of a plugin holds its build to, or what it takes to boot it. Of what is not in it a frozen build throws a `config` error; any other
 * warns, or adds it where the config says `lock: true`. Without the network, it throws a `download` error that lists what
 * the store lacks.
 */
export async function holdToLock(
  plugin: ResolvedPlugin,
  ctx: RunContext,
  { frozen, use = "build" }: HoldOptions = {},
): Promise<Held> {
  const file = await lockFileOf(plugin);
  const lock = await readLock(file);
  const isFrozen = frozen ?? (lock !== undefined && isSet(ctx.env.CI));
  const offline = isOffline(ctx.env);
  const isToBeWritten = plugin.lock === true && !isFrozen && !offline;
  if (lock === undefined && !isFrozen && !offline && !isToBeWritten) return { warnings: [] };
  // A lock that is written, or held to in full, is for whoever boots it as well.
  const isWhole = isFrozen || isToBeWritten;
  const wanted = use === "boot" ? { inputs: bootLockablesOf(plugin) } : ofBuild(await lockablesOf(plugin), isWhole);
  const faults = faultsIn(wanted.inputs, lock);
  if (isFrozen && lock === undefined && faults.length > 0) throw noLock(file);
  if (isFrozen) assertFrozen(file, wanted, faults, lock);
  const usable = new Map(lock);
  for (const { input } of faults) usable.delete(input.key);
  if (offline) {
    await assertStored(wanted, usable, ctx);
    return { locks: usable, warnings: [] };
  }
  if (isToBeWritten) return await fill(file, faults, ctx);
  return {
    locks: usable,
    warnings: faults.map((fault) => ({ message: `${sayIn(file, fault)}, so it is asked for`, hint: WRITE })),
  };
}

function ofBuild(all: Lockables, isWhole: boolean): Lockables {
  return isWhole ? all : { ...all, inputs: all.inputs.filter(({ isForBoot }) => !isForBoot) };
}

const WRITE = "fledge lock writes it, for everybody who builds this to have the same";

/** An input that a lock has no entry for, or none that fits. */
export type Fault = { readonly input: Lockable; readonly why?: string | undefined };

/** What of the inputs a lock does not hold. */
export function faultsIn(inputs: readonly Lockable[], lock: Locks | undefined): Fault[] {
  return inputs.flatMap((input): Fault[] => {
    if (input.pinned !== undefined) return [];
    const entry = lock?.get(input.key);
    if (entry === undefined) return [{ input }];
    const why = input.objection?.(entry);
    return why === undefined ? [] : [{ input, why }];
  });
}

function sayIn(file: string, { input, why }: Fault): string {
  return why === undefined
    ? `${file} has no entry "${input.key}"`
    : `the entry "${input.key}" of ${file} is stale: ${why}`;
}

function noLock(file: string): FledgeError {
  return new FledgeError("config", `there is no ${file}, and a frozen build is held to it`, {
    hint: "fledge lock writes it; commit it with the config",
  });
}

function assertFrozen(
  file: string,
  { unpinned = [] }: Lockables,
  faults: readonly Fault[],
  lock: Locks | undefined,
): void {
  const problems: Problem[] = [
    ...faults.map((fault) => problemOf(fault, lock)),
    ...unpinned.map(({ what, hint }) => ({ message: `${what} is not pinned, and cannot be by a lock`, hint })),
  ];
  if (problems.length === 0) return;
  throw new FledgeError("config", `${file} does not hold all that the build needs, and it is frozen`, {
    problems,
    hint: "run fledge lock and commit it (CI makes builds with a lock frozen)",
  });
}

function problemOf({ input: { key }, why }: Fault, lock: Locks | undefined): Problem {
  if (why !== undefined) return { message: `"${key}" is stale: ${why}` };
  // The same kind, of another request or for another platform: most likely what it was before the config changed.
  const alike = [...(lock?.keys() ?? [])].filter((other) => other.split(" ")[0] === key.split(" ")[0]);
  const hint =
    alike.length === 0 || alike.length > 3 ? undefined : `it has ${alike.map((other) => `"${other}"`).join(", ")}`;
  const unpinnable = key.startsWith("source ") ? " (a source whose pin() returns no digest cannot be locked)" : "";
  return { message: `"${key}" is missing${unpinnable}`, ...(hint !== undefined && { hint }) };
}

/** Asks for what is not in the lock, and adds it. What another build of the workspace has added meanwhile counts. */
async function fill(file: string, faults: readonly Fault[], ctx: RunContext): Promise<Held> {
  const edits = new Map<string, LockEntry>();
  const warnings: Warning[] = [];
  for (const { input } of faults) {
    const entry = await input.resolve(ctx);
    if (entry !== undefined) edits.set(input.key, entry);
    else warnings.push({ message: `"${input.key}" cannot be locked: its pin() returns no digest` });
  }
  return { locks: await editLock(file, edits, ctx), warnings };
}

async function assertStored({ inputs, needsNetwork }: Lockables, locks: Locks, ctx: RunContext): Promise<void> {
  const problems: Problem[] = needsNetwork === undefined ? [] : [{ message: needsNetwork }];
  for (const input of inputs) {
    const entry = input.pinned ?? locks.get(input.key);
    if (entry === undefined)
      problems.push({ message: `"${input.key}" is in no lock, so it would have to be asked for` });
    else for (const what of await input.missing(entry, ctx)) problems.push({ message: `${what} is not in the cache` });
  }
  if (problems.length === 0) return;
  throw new FledgeError("download", "it cannot be built without the network", {
    problems,
    hint: "fledge lock, and a build with the network, leave what it takes in the lock and in the cache",
  });
}
