import { performance } from "node:perf_hooks";
import type { LayerEntry } from "../../src/rootfs/layer.ts";
import { decodeIndex, encodeIndex } from "../../src/rootfs/layers/layer-index.ts";
import { sealTree } from "../../src/rootfs/seal.ts";
import { createTarIndexer } from "../../src/rootfs/tar/read.ts";
import { mergeLayers } from "../helpers/layers.ts";
import { END, member } from "../helpers/tar-writer.ts";
import { ratio } from "./history.ts";
import { median } from "./measure.ts";

const FILES = 120_000;
const storedFile = "layer.tar"; // never opened: only names and places are read

/** A layer of 120,000 files of a KiB in one folder, from the archive to the sealed tree; twice as many should take twice as long. */
export async function benchLayers(): Promise<void> {
  console.log(`layers: ${FILES} and ${2 * FILES} files in one folder`);
  const [one, two] = [await stages(FILES), await stages(2 * FILES)];
  for (const [name, seconds] of Object.entries(one)) {
    const twice = two[name] ?? 0;
    const times = ratio(`layers: ${name}, twice the files`, twice / seconds);
    console.log(`  ${name.padEnd(44)} ${seconds.toFixed(2)} s; ${twice.toFixed(2)} s; ratio ${times}`);
  }
}

async function stages(files: number): Promise<Record<string, number>> {
  const archive = archiveOf(files);
  const entries = index(archive);
  const encoded = encodeIndex(entries);
  const hidden = entries.map((entry) => ({ ...entry, path: entry.path.replace("file-", ".wh.file-") }) as LayerEntry);
  const layersOf = (...all: Iterable<LayerEntry>[]) => all.map((one) => ({ label: "many", entries: () => one }));
  return {
    "index the tar": await time(() => void index(archive)),
    "encode the index": await time(() => void encodeIndex(entries)),
    "decode the index": await time(() => void [...decodeIndex(encoded, { storedFile })]),
    merge: await time(() => mergeLayers(layersOf(entries))),
    "merge, list again, hide one by one": await time(() => mergeLayers(layersOf(entries, entries, hidden))),
    "decode, merge and seal": await time(async () => {
      sealTree((await mergeLayers(layersOf(decodeIndex(encoded, { storedFile })))).root);
    }),
  };
}

function archiveOf(files: number): Buffer {
  const members = Array.from({ length: files }, (_, i) =>
    member({ name: `var/lib/many/file-${i}`, data: Buffer.alloc(1024, i), uid: i % 1000, mtime: 1_700_000_000 + i }),
  );
  return Buffer.concat([...members, END]);
}

function index(archive: Buffer): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const indexer = createTarIndexer({ label: "many", storedFile }, (entry) => void entries.push(entry));
  for (let at = 0; at < archive.length; at += 65_536) indexer.write(archive.subarray(at, at + 65_536));
  indexer.end();
  return entries;
}

async function time(run: () => unknown): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    await run();
    samples.push((performance.now() - started) / 1000);
  }
  return median(samples);
}
