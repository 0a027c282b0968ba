import { performance } from "node:perf_hooks";
import { sealTree } from "../../src/rootfs/seal.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { ratio } from "./history.ts";
import { median } from "./measure.ts";

const ENTRIES = 200_000;

/** Puts 200,000 entries into one folder and seals the tree; twice as many should take about twice as long. */
export function benchTree(): void {
  console.log("tree: entries into one folder, then sealed");
  const [one, two] = [time(ENTRIES), time(2 * ENTRIES)];
  const times = ratio("tree: twice the entries", two / one);
  console.log(`  ${ENTRIES} entries ${one.toFixed(2)} s; ${2 * ENTRIES} entries ${two.toFixed(2)} s; ratio ${times}`);
}

function time(entries: number): number {
  return median(
    Array.from({ length: 3 }, () => {
      const started = performance.now();
      const rootfs = new RootfsTree();
      for (let i = 0; i < entries; i++) rootfs.writeFile(`/srv/files/entry-${i}`, "");
      sealTree(rootfs.root);
      return (performance.now() - started) / 1000;
    }),
  );
}
