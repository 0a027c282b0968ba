import type { Unpinned } from "../contract/lock.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { readLock } from "./file.ts";
import { faultsIn } from "./hold.ts";
import { lockablesOf, lockFileOf } from "./inputs.ts";

/** An input and what holds it: the lock, the config itself, or nothing, and then `problem` says what is wrong. */
export type InputStatus = {
  readonly key: string;
  readonly digest?: string;
  readonly by?: "lock" | "config";
  readonly problem?: string;
};

/** What a build of a plugin is held to. */
export type LockStatus = {
  /** Absent when there is no lock. */
  readonly file?: string;
  readonly inputs: readonly InputStatus[];
  readonly unpinned: readonly Unpinned[];
  readonly notes: readonly string[];
};

/** What holds the inputs of a plugin. Throws a `config` error for a lock that cannot be read. */
export async function lockStatus(plugin: ResolvedPlugin): Promise<LockStatus> {
  const file = await lockFileOf(plugin);
  const lock = await readLock(file);
  const { inputs, unpinned, notes } = await lockablesOf(plugin);
  const faults = new Map(faultsIn(inputs, lock).map(({ input, why }) => [input.key, why]));
  const rows = inputs.map(({ key, pinned }): InputStatus => {
    if (pinned !== undefined) return { key, digest: pinned.digest, by: "config" };
    if (faults.has(key)) return { key, problem: faults.get(key) ?? "not pinned" };
    return { key, digest: lock?.get(key)?.digest ?? "", by: "lock" };
  });
  return { ...(lock !== undefined && { file }), inputs: rows, unpinned, notes };
}
