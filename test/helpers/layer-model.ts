import fc from "fast-check";

/** A layer entry as the model sees it. */
export type Op =
  | { readonly op: "file"; readonly path: string; readonly data: string }
  | { readonly op: "dir"; readonly path: string; readonly mode: number }
  | { readonly op: "symlink" | "link"; readonly path: string; readonly target: string }
  | { readonly op: "hide"; readonly path: string }
  | { readonly op: "opaque"; readonly path: string };

type ModelNode = { type: "dir"; mode: number } | { type: "file"; data: string } | { type: "symlink"; target: string };

/** The simplest reading of the image-spec's layer.md: whole physical paths to nodes, every question a scan. */
export class LayerModel {
  readonly nodes = new Map<string, ModelNode>([["", { type: "dir", mode: 0o755 }]]);

  apply(layer: readonly Op[]): void {
    const hidden = layer.filter((op) => op.op === "hide" || op.op === "opaque");
    const own = new Set(layer.filter(({ op }) => op !== "symlink" && op !== "opaque").map(({ path }) => path));
    // Whiteouts apply to the lower layers only: all found before any is carried out, before the layer's entries come.
    const victims = hidden.flatMap(({ op, path }) => {
      const at = this.#hiddenFolder(op === "hide" ? parentOf(path) : path, own);
      if (at === undefined) return [];
      return op === "hide"
        ? [`${at}/${nameOf(path)}`]
        : [...this.nodes.keys()].filter((one) => parentOf(one) === at && one !== "");
    });
    for (const victim of victims) this.#remove(victim);
    for (const op of layer) if (op.op !== "hide" && op.op !== "opaque") this.#put(op);
  }

  #put(op: Exclude<Op, { op: "hide" | "opaque" }>): void {
    const linked = op.op === "link" ? this.#linkTarget(op.target) : undefined;
    const at = `${this.#folder(parentOf(op.path), true)}/${nameOf(op.path)}`;
    const old = this.nodes.get(at);
    if (op.op === "dir" && old?.type === "dir") {
      old.mode = op.mode;
      return;
    }
    this.#remove(at);
    if (linked !== undefined) this.nodes.set(at, linked);
    else if (op.op === "dir") this.nodes.set(at, { type: "dir", mode: op.mode });
    else if (op.op === "file") this.nodes.set(at, { type: "file", data: op.data });
    else this.nodes.set(at, { type: "symlink", target: op.target });
  }

  #linkTarget(target: string): ModelNode {
    const node = this.nodes.get(`${this.#folder(parentOf(target), false)}/${nameOf(target)}`);
    if (node === undefined || node.type === "dir") throw new Error("no such target");
    return node;
  }

  #hiddenFolder(path: string, own: ReadonlySet<string>): string | undefined {
    const names = split(path);
    const replaced = names.some((_, i) => {
      const prefix = `/${names.slice(0, i + 1).join("/")}`;
      if (!own.has(prefix)) return false;
      const parent = attempt(() => this.#folder(parentOf(prefix), false));
      return parent !== undefined && this.nodes.get(`${parent}/${nameOf(prefix)}`)?.type === "symlink";
    });
    const folder = attempt(() => this.#folder(path, false));
    return replaced || folder === undefined || this.nodes.get(folder)?.type !== "dir" ? undefined : folder;
  }

  /** The physical path of a folder, symlinks followed; made, also in place of a file, when asked for. */
  #folder(path: string, create: boolean): string {
    let here = "";
    const rest = split(path).map((name) => ({ name, own: true }));
    for (let hops = 0; rest.length > 0; ) {
      const { name, own } = rest.shift() as { name: string; own: boolean };
      if (name === "..") here = parentOf(here);
      if (name === "..") continue;
      const next = `${here}/${name}`;
      const node = this.nodes.get(next);
      if (node?.type === "symlink") {
        if (++hops > 40) throw new Error("loop");
        if (node.target.startsWith("/")) here = "";
        rest.unshift(...split(node.target).map((one) => ({ name: one, own: false })));
        continue;
      }
      if (node?.type !== "dir") {
        if (!create || (node !== undefined && !own)) throw new Error("not a directory");
        this.#remove(next);
        this.nodes.set(next, { type: "dir", mode: 0o755 });
      }
      here = next;
    }
    return here;
  }

  #remove(path: string): void {
    for (const one of [...this.nodes.keys()]) if (one === path || one.startsWith(`${path}/`)) this.nodes.delete(one);
  }
}

/** Random stacks over few names, so that their entries meet. */
export function stacks(options: { readonly whiteoutsFirst: boolean }): fc.Arbitrary<Op[][]> {
  const name = fc.constantFrom("a", "b", "c", "d");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join("/")}`);
  const target = fc.oneof(
    path,
    name,
    name.map((one) => `../${one}`),
    name.map((one) => `../../${one}/.`),
  );
  const op: fc.Arbitrary<Op> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant("file" as const), path, data: fc.constantFrom("1", "2", "3") }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("dir" as const), path, mode: fc.constantFrom(0o700, 0o711) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("symlink" as const), path, target }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("link" as const), path, target: path }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("hide" as const), path }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("opaque" as const), path }) },
  );
  const isWhiteout = ({ op: kind }: Op): boolean => kind === "hide" || kind === "opaque";
  const layer = fc.array(op, { maxLength: 8 }).map((ops) => {
    if (!options.whiteoutsFirst) return ops;
    return [...ops.filter(isWhiteout), ...ops.filter((one) => !isWhiteout(one))];
  });
  return fc.array(layer, { minLength: 1, maxLength: 4 });
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

function split(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
