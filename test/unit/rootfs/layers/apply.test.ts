import fc from "fast-check";
import { expect, test } from "vitest";
import type { ByteString } from "../../../../src/lib/bytes.ts";
import type { Warning } from "../../../../src/lib/context.ts";
import type { LayerEntry } from "../../../../src/rootfs/layer.ts";
import { applyLayer } from "../../../../src/rootfs/layers/apply.ts";
import { DEFAULT_LIMITS } from "../../../../src/rootfs/limits.ts";
import { type DirInode, type Inode, NO_XATTRS } from "../../../../src/rootfs/node.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { xattrsOf } from "../../../helpers/inodes.ts";
import { LayerModel, type Op, stacks } from "../../../helpers/layer-model.ts";
import { mergeLayers } from "../../../helpers/layers.ts";

// What single stacks mean is in test/conformance/layers.test.ts, beside what umoci makes of them.

const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1, nsec: 0 }, xattrs: NO_XATTRS };

function entryOf(op: Op): LayerEntry {
  const path = op.path as ByteString;
  switch (op.op) {
    case "file":
      return { path, metadata, type: "file", size: 1, content: { kind: "inline", bytes: Buffer.from(op.data) } };
    case "dir":
      return { path, metadata: { ...metadata, mode: op.mode }, type: "dir" };
    case "symlink":
      return { path, metadata, type: "symlink", target: op.target as ByteString };
    case "link":
      return { path, metadata, type: "hardlink", target: op.target as ByteString };
    default: {
      const hidden = op.op === "hide" ? op.path.replace(/[^/]+$/, ".wh.$&") : `${op.path}/.wh..wh..opq`;
      return { path: hidden as ByteString, metadata, type: "fifo" };
    }
  }
}

function flatten(root: DirInode): Map<string, Inode> {
  const all = new Map<string, Inode>();
  const visit = (path: string, node: Inode): void => {
    all.set(path, node);
    if (node.type === "dir") for (const [name, child] of node.children) visit(`${path}/${name}`, child);
  };
  visit("", root);
  return all;
}

/** Both sides as plain data: what each path is, and which paths are one inode. */
function shown(nodes: ReadonlyMap<string, object>, describe: (node: never) => string): string[] {
  const first = new Map<object, string>();
  const lines = [...nodes.keys()].sort().map((path) => {
    const node = nodes.get(path) as object;
    if (!first.has(node)) first.set(node, path);
    return `${path} ${describe(node as never)} = ${first.get(node)}`;
  });
  return lines;
}

test("random stacks mean what the image-spec says", async () => {
  let merged = 0;
  await fc.assert(
    fc.asyncProperty(stacks({ whiteoutsFirst: false }), async (stack) => {
      const model = new LayerModel();
      const tree = new RootfsTree();
      for (const ops of stack) {
        let isPossible = true;
        try {
          model.apply(ops);
        } catch {
          isPossible = false;
        }
        const applied = applyLayer(tree.root, { label: "l", hasWhiteouts: true, entries: () => ops.map(entryOf) });
        if (!isPossible) return void (await expect(applied).rejects.toMatchObject({ code: "source" }));
        await applied;
      }
      merged++;
      expect(
        shown(flatten(tree.root), (node: Inode) =>
          node.type === "file"
            ? `file ${node.content.kind === "inline" ? Buffer.from(node.content.bytes) : ""}`
            : node.type === "symlink"
              ? `-> ${node.target}`
              : `${node.type} ${node.mode.toString(8)}`,
        ),
      ).toEqual(
        shown(model.nodes, (node: { type: string; data?: string; target?: string; mode?: number }) =>
          node.type === "file"
            ? `file ${node.data}`
            : node.type === "symlink"
              ? `-> ${node.target}`
              : `dir ${node.mode?.toString(8)}`,
        ),
      );
    }),
    { numRuns: 3000 },
  );
  expect(merged).toBeGreaterThan(1000);
});

test("entries that arrive one by one", async () => {
  async function* entries(): AsyncGenerator<LayerEntry> {
    yield entryOf({ op: "file", path: "a", data: "1" });
    yield entryOf({ op: "hide", path: "b" });
  }
  async function* layers(): AsyncGenerator<{ label: string; entries: () => AsyncIterable<LayerEntry> }> {
    yield { label: "one", entries };
  }
  expect((await mergeLayers(layers())).readFile("/a").toString()).toBe("1");
});

test("without layers there is nothing to hide: `.wh.` names are names", async () => {
  const lower: LayerEntry[] = [entryOf({ op: "file", path: "etc/keep", data: "1" })];
  const upper = [".wh.other", "etc/.wh.keep", "etc/.wh..wh..opq", ".wh.d/f", ".wh..wh.plnk/1.2", ".wh."];
  const entries = upper.map((path) => entryOf({ op: "file", path, data: "2" }));
  const linked = entryOf({ op: "link", path: "l", target: ".wh..wh.plnk/1.2" });
  const tree = await mergeLayers([
    { label: "lower", entries: () => lower },
    { label: "upper", entries: () => [...entries, linked] },
  ]);
  for (const path of ["etc/keep", ...upper]) expect(tree.exists(`/${path}`), path).toBe(true);
  const store = tree.root.children.get(".wh..wh.plnk" as ByteString) as DirInode;
  expect(tree.root.children.get("l" as ByteString)).toBe(store.children.get("1.2" as ByteString));
});

test("folders that paths imply are entries, and steps through symlinks are counted", async () => {
  const deep = entryOf({ op: "file", path: "a/b/c/d", data: "1" });
  const limits = { ...DEFAULT_LIMITS, maxEntries: 3 };
  await expect(mergeLayers([{ label: "l", entries: () => [deep] }], { limits })).rejects.toThrow(
    "the limit maxEntries",
  );
  const round = [
    entryOf({ op: "symlink", path: "s", target: "d/../".repeat(200) }),
    entryOf({ op: "dir", path: "d", mode: 0o755 }),
    ...Array.from({ length: 100 }, (_, i) => entryOf({ op: "file", path: `s/${"x/".repeat(i % 2)}f${i}`, data: "1" })),
  ];
  const steps = { ...DEFAULT_LIMITS, maxLinkSteps: 10_000 };
  await expect(mergeLayers([{ label: "l", entries: () => round }], { limits: steps })).rejects.toMatchObject({
    code: "source",
    message: "l has paths that lead through symbolic links by more than 10000 names, the limit maxLinkSteps",
  });
});

test("an abort is heard in the middle of a large layer", async () => {
  const controller = new AbortController();
  const entries = Array.from({ length: 300_000 }, (_, i) => entryOf({ op: "file", path: `${i % 7}/f${i}`, data: "" }));
  const merging = mergeLayers([{ label: "l", entries: () => entries }], { signal: controller.signal });
  setImmediate(() => setImmediate(() => controller.abort()));
  await expect(merging).rejects.toMatchObject({ code: "aborted" });
});

test("limits hold for entries that come from no tar", async () => {
  const big: LayerEntry = { ...entryOf({ op: "file", path: "big", data: "" }), size: 2 ** 40 } as LayerEntry;
  await expect(mergeLayers([{ label: "bomb", entries: () => [big] }])).rejects.toMatchObject({
    code: "source",
    message: "bomb unpacks to more than 64.0 GiB, the limit maxUnpackedBytes",
    hint: expect.stringContaining("limits.maxUnpackedBytes"),
  });
  const limits = { ...DEFAULT_LIMITS, maxEntries: 0 };
  await expect(mergeLayers([{ label: "l", hasWhiteouts: true, entries: () => [big] }], { limits })).rejects.toThrow(
    "the limit maxEntries",
  );
});

test("xattrs are sorted, foreign ones go, those that Linux cannot store go with a warning", async () => {
  const value = Buffer.from("1");
  const names = [
    "user.z",
    "user.a",
    "security.selinux",
    "trusted.overlay.x",
    "user.overlay.y",
    "user.rootlesscontainers",
  ];
  const all = [...names, "com.apple.quarantine", "security.capability"];
  const xattrs = xattrsOf(all.map((name) => [name, value] as const));
  const warnings: Warning[] = [];
  const entry: LayerEntry = { path: "d" as ByteString, metadata: { ...metadata, xattrs }, type: "dir" };
  const tree = await mergeLayers([{ label: "l", hasWhiteouts: true, entries: () => [entry] }], {
    warn: (one) => void warnings.push(one),
  });
  expect([...tree.stat("/d").xattrs.keys()]).toEqual(["security.capability", "user.a", "user.z"]);
  expect(warnings.map(({ message }) => message)).toEqual([
    "l: left out, being an extended attribute that Linux cannot store: com.apple.quarantine (d)",
  ]);
});

test("an interrupted merge says so", async () => {
  const signal = AbortSignal.abort();
  await expect(mergeLayers([{ label: "l", hasWhiteouts: true, entries: () => [] }], { signal })).rejects.toMatchObject({
    code: "aborted",
  });
});
