import { availableParallelism } from "node:os";

/** What a build is counted with: layers are streamed, so it is the tree and the buffers that take room. */
const BYTES_PER_JOB = 256 * 2 ** 20;

export type Machine = { readonly cores: number; readonly freeBytes: number };

/** How many builds may run at once: one per core, while there is memory for each. */
export function defaultJobs({ cores, freeBytes }: Machine = thisMachine()): number {
  return Math.max(1, Math.min(cores, Math.floor(freeBytes / BYTES_PER_JOB)));
}

/** What `work` makes of each item, in their order; at most `jobs` run at the same time. */
export async function inParallel<T, R>(items: readonly T[], jobs: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next;
      results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(1, jobs), items.length) }, worker));
  return results;
}

function thisMachine(): Machine {
  // Of a container, what its cgroup leaves; of the machine, what the page cache would give back too.
  const freeBytes = process.availableMemory();
  return { cores: availableParallelism(), freeBytes };
}
