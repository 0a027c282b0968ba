/** A connection of QEMU's user network, as `info usernet` lists it. */
export type UserConnection = {
  readonly state: string;
  readonly fromPort: number;
  readonly toPort: number;
};

/**
 * Reads the answer of `info usernet` (slirp's connection list): protocol[state], descriptor, source, its port,
 * destination, its port, and the lengths of two queues.
 */
export function parseUsernet(text: string): UserConnection[] {
  return [...text.matchAll(/^\s*TCP\[(\w+)\]\s+-?\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/gm)].map((match) => ({
    state: match[1] ?? "",
    fromPort: Number(match[2]),
    toPort: Number(match[3]),
  }));
}
