import type { Inode } from "./node.ts";

/** Who put something into a tree, or changed it last. */
export type Origin = {
  readonly kind: "source" | "layer" | "stage" | "busybox" | "agent" | "init" | "mapping" | "hook";
  /** For people: the digest of a layer, the key of a mapping, whose hook it is. */
  readonly label: string;
  /** Of a layer the command that made it, as its image says. */
  readonly detail?: string;
  /** The config that says it. */
  readonly file?: string;
};

/** An origin in a few words: `the mapping mappings["./app"]`. */
export function originText({ kind, label }: Origin): string {
  // Labels of these say what they are.
  if (kind === "layer" || kind === "hook" || label.startsWith("stage ")) return label;
  return kind === label ? `the ${kind}` : `the ${kind} ${label}`;
}

/** Something that is not in the tree any more, or was replaced: its path, the bytes of files in it, and by whom. */
export type GoneFile = {
  readonly path: string;
  readonly bytes: number;
  /** Place in the table of origins; undefined where nobody said. */
  readonly from: number | undefined;
  readonly by: number | undefined;
};

/** Beyond, what is remembered of them would take more than the tree. */
const MOST_GONE = 100_000;

/**
 * The origins of one tree. Inodes have a number into the table; what is made or changed is of the one that was begun last,
 * so that nobody who changes a tree has to say who it is.
 */
export class Origins {
  readonly table: Origin[] = [];
  readonly gone: GoneFile[] = [];
  /** Undefined until the first one is begun. */
  current: number | undefined;

  begin(origin: Origin): void {
    const { kind, label } = origin;
    const known = this.table.findIndex((one) => one.kind === kind && one.label === label);
    this.current = known >= 0 ? known : this.table.push(origin) - 1;
  }

  /** To be told of what is taken from the tree, or replaced in it, by the current origin. `path` has no leading slash. */
  lose(path: string, node: Inode): void {
    if (this.current === undefined || this.gone.length >= MOST_GONE) return;
    this.gone.push({ path, bytes: bytesBelow(node), from: node.origin, by: this.current });
  }
}

function bytesBelow(top: Inode): number {
  let bytes = 0;
  const stack = [top];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.type === "file") bytes += node.size;
    if (node.type === "dir") for (const child of node.children.values()) stack.push(child);
  }
  return bytes;
}
