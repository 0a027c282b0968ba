import fc from "fast-check";
import { expect, test } from "vitest";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

/** The simplest filesystem there is: whole paths to nodes, no directories of names, every question a scan. */
type ModelNode = { type: "dir" } | { type: "file"; data: string } | { type: "symlink"; target: string };

class Model {
  readonly nodes = new Map<string, ModelNode>([["", { type: "dir" }]]);

  /** The physical path, or undefined where it leads through nothing; throws like the real one for the rest. */
  resolve(path: string, followLast: boolean, create: boolean, hops = 0): string | undefined {
    if (hops > 40) throw new Error("loop");
    let here = "";
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      if (name === "..") {
        here = here.slice(0, Math.max(0, here.lastIndexOf("/")));
        continue;
      }
      const next = `${here}/${name}`;
      const node = this.nodes.get(next);
      if (node?.type === "symlink" && (!isLast || followLast)) {
        const base = node.target.startsWith("/") ? "" : here;
        const rest = names.slice(index + 1).join("/");
        return this.resolve(`${base}/${node.target}${rest === "" ? "" : `/${rest}`}`, followLast, create, hops + 1);
      }
      if (!isLast && node === undefined) {
        if (!create) return undefined;
        this.nodes.set(next, { type: "dir" });
      } else if (!isLast && node?.type !== "dir") throw new Error("not a directory");
      here = next;
    }
    return here;
  }

  write(path: string, data: string): void {
    const at = this.resolve(path, true, true) as string;
    const node = this.nodes.get(at);
    if (node !== undefined && node.type !== "file") throw new Error("not a file");
    this.nodes.set(at, { type: "file", data });
  }

  mkdir(path: string): void {
    const at = this.resolve(path, true, true) as string;
    const node = this.nodes.get(at);
    if (node !== undefined && node.type !== "dir") throw new Error("not a directory");
    this.nodes.set(at, { type: "dir" });
  }

  symlink(target: string, path: string): void {
    const at = this.resolve(path, false, true) as string;
    if (this.nodes.has(at)) throw new Error("exists");
    this.nodes.set(at, { type: "symlink", target });
  }

  rm(path: string): void {
    const at = this.resolve(path, false, false);
    if (at === undefined) return;
    if (at === "" || /(^|\/)\.\.[/.]*$/.test(path)) throw new Error("cannot be removed");
    for (const key of [...this.nodes.keys()]) if (key === at || key.startsWith(`${at}/`)) this.nodes.delete(key);
  }

  list(): string[] {
    return [...this.nodes]
      .filter(([path]) => path !== "")
      .map(([path, node]) => `${path} ${JSON.stringify(node)}`)
      .sort();
  }
}

const name = fc.constantFrom("a", "b", "c", "..", ".", "é");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join("/")}`);
const target = fc.oneof(
  path,
  path.map((text) => text.slice(1)),
  path.map((text) => `../${text}`),
);
const step = fc.oneof(
  fc.record({ op: fc.constant("write" as const), path, data: fc.string({ maxLength: 3 }) }),
  fc.record({ op: fc.constant("mkdir" as const), path }),
  fc.record({ op: fc.constant("symlink" as const), path, target }),
  fc.record({ op: fc.constant("rm" as const), path }),
);

test("any sequence of calls does what the model does, and fails where it fails", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const rootfs = new RootfsTree();
      const model = new Model();
      for (const action of steps) {
        const outcomes = [
          () =>
            apply(
              rootfs.writeFile.bind(rootfs),
              rootfs.mkdir.bind(rootfs),
              rootfs.symlink.bind(rootfs),
              rootfs.rm.bind(rootfs),
              action,
            ),
          () =>
            apply(
              model.write.bind(model),
              model.mkdir.bind(model),
              model.symlink.bind(model),
              model.rm.bind(model),
              action,
            ),
        ].map(failed);
        expect(outcomes[0]).toBe(outcomes[1]);
      }
      const listing = [...rootfs.walk()].map((entry) => {
        const node =
          entry.type === "file"
            ? { type: "file", data: rootfs.readFile(entry.path).toString() }
            : entry.type === "symlink"
              ? { type: "symlink", target: entry.target }
              : { type: "dir" };
        return `${entry.path} ${JSON.stringify(node)}`;
      });
      expect(listing.sort()).toEqual(model.list());
      expect(sealTree(rootfs.root).entries).toHaveLength(model.nodes.size);
    }),
    { numRuns: 500 },
  );
});

function apply(
  write: (path: string, data: string) => void,
  mkdir: (path: string) => void,
  symlink: (target: string, path: string) => void,
  rm: (path: string) => void,
  action: { op: "write" | "mkdir" | "symlink" | "rm"; path: string; data?: string; target?: string },
): void {
  if (action.op === "write") write(action.path, action.data ?? "");
  else if (action.op === "mkdir") mkdir(action.path);
  else if (action.op === "symlink") symlink(action.target ?? "", action.path);
  else rm(action.path);
}

function failed(act: () => void): boolean {
  try {
    act();
    return false;
  } catch {
    return true;
  }
}
