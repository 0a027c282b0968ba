import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertNever } from "../../src/lib/errors.ts";
import type { Layer, LayerEntry } from "../../src/rootfs/layer.ts";
import { type ApplyOptions, applyLayer } from "../../src/rootfs/layers/apply.ts";
import { createTarIndexer } from "../../src/rootfs/tar/read.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import type { Op } from "./layer-model.ts";
import { type Member, tar } from "./tar-writer.ts";
import { tempDir } from "./temp.ts";

/** A tar in memory as a layer whose contents can be read. */
export function layerOf(archive: Buffer, label = "test", storedFile = join(tempDir(), "layer.tar")): Layer {
  writeFileSync(storedFile, archive);
  const entries: LayerEntry[] = [];
  const indexer = createTarIndexer({ label, storedFile }, (entry) => void entries.push(entry));
  indexer.write(archive);
  indexer.end();
  return { label, hasWhiteouts: true, entries: () => entries };
}

/** The tree of a stack of layers, the bottom one first. Throws as `applyLayer` does. */
export async function mergeLayers(
  layers: AsyncIterable<Layer> | Iterable<Layer>,
  options: ApplyOptions = {},
): Promise<RootfsTree> {
  const tree = new RootfsTree();
  for await (const layer of layers) await applyLayer(tree.root, layer, options);
  return tree;
}

export function merge(archives: readonly Buffer[]): Promise<RootfsTree> {
  return mergeLayers(archives.map((archive, i) => layerOf(archive, `layer${i + 1}`)));
}

/** A layer of the model as the archive that a builder would write. */
export function archiveOf(layer: readonly Op[]): Buffer {
  return tar(...layer.map(memberOf));
}

function memberOf(op: Op): Member {
  const name = op.path.slice(1);
  switch (op.op) {
    case "file":
      return { name, data: op.data, mtime: 1000 };
    case "dir":
      return { name: `${name}/`, type: "5", mode: op.mode, mtime: 2000 };
    case "symlink":
      return { name, type: "2", linkname: op.target, mtime: 3000 };
    case "link":
      return { name, type: "1", linkname: op.target };
    case "hide":
      return { name: name.replace(/[^/]+$/, ".wh.$&") };
    case "opaque":
      return { name: `${name}/.wh..wh..opq` };
    default:
      return assertNever(op);
  }
}
