import { parseArgs } from "node:util";
import { benchBoot } from "./boot.ts";
import { benchCpio } from "./cpio.ts";
import { benchExt4 } from "./ext4.ts";
import { benchFarm } from "./farm.ts";
import { record } from "./history.ts";
import { benchInspect } from "./inspect.ts";
import { benchLayers } from "./layers.ts";
import { benchLoop } from "./loop.ts";
import { benchOci } from "./oci.ts";
import { benchPush } from "./push.ts";
import { benchSquashfs } from "./squashfs.ts";
import { benchStart } from "./start.ts";
import { benchStore } from "./store.ts";
import { benchTree } from "./tree.ts";

const BENCHES: Readonly<Record<string, () => void | Promise<void>>> = {
  tree: benchTree,
  cpio: benchCpio,
  ext4: benchExt4,
  layers: benchLayers,
  loop: benchLoop,
  oci: benchOci,
  squashfs: benchSquashfs,
  store: benchStore,
  inspect: benchInspect,
  start: benchStart,
  boot: benchBoot,
  farm: benchFarm,
  push: benchPush,
};

// npm run bench [NAME...] [-- --record]: with it the ratios are kept in history.json, for later runs to be compared with.
const { values, positionals: wanted } = parseArgs({ allowPositionals: true, options: { record: { type: "boolean" } } });
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length === 0 || wanted.includes(name)) await bench();
}
if (values.record) record();
