import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, bench, describe } from "vitest";
import { mergeLayers } from "../../src/rootfs/apply.ts";
import type { LayerEntry } from "../../src/rootfs/layer.ts";
import { decodeIndex, encodeIndex } from "../../src/rootfs/layer-index.ts";
import { sealTree } from "../../src/rootfs/seal.ts";
import { createTarIndexer } from "../../src/rootfs/tar.ts";
import { member } from "../helpers/tar-writer.ts";

const FILES = 120_000;

/** One folder of 120,000 files of a KiB, as a builder writes it. */
const archive = Buffer.concat([
  member({ name: "var/lib/many/", type: "5" }),
  ...Array.from({ length: FILES }, (_, i) =>
    member({ name: `var/lib/many/file-${i}`, data: Buffer.alloc(1024, i), uid: i % 1000, mtime: 1_700_000_000 + i }),
  ),
  Buffer.alloc(1024),
]);

const folder = mkdtempSync(join(tmpdir(), "fledge-bench-"));
const storedFile = join(folder, "layer.tar");
writeFileSync(storedFile, archive);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function index(): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const indexer = createTarIndexer({ label: "many", storedFile }, (entry) => void entries.push(entry));
  for (let at = 0; at < archive.length; at += 65_536) indexer.write(archive.subarray(at, at + 65_536));
  indexer.end();
  return entries;
}

const entries = index();
const encoded = encodeIndex(entries);
const whiteouts = entries.map((entry) => ({ ...entry, path: entry.path.replace("file-", ".wh.file-") }) as LayerEntry);
const options = { iterations: 5, warmupIterations: 1, time: 0 };

describe(`${FILES} files in one folder`, () => {
  bench("index the tar", () => void index(), options);
  bench("encode the index", () => void encodeIndex(entries), options);
  bench("decode the index", () => void [...decodeIndex(encoded, { storedFile })], options);
  bench("merge", async () => void (await mergeLayers([{ label: "many", entries: () => entries }])), options);
  bench(
    "merge, list again and hide one by one",
    async () => {
      const layers = [entries, entries, whiteouts].map((all) => ({ label: "many", entries: () => all }));
      await mergeLayers(layers);
    },
    options,
  );
  bench(
    "decode, merge and seal",
    async () => {
      const decoded = decodeIndex(encoded, { storedFile });
      sealTree((await mergeLayers([{ label: "many", entries: () => decoded }])).root);
    },
    options,
  );
});
