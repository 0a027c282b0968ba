import { execFileSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bigLayout, TAG } from "../helpers/real-images.ts";
import { startRegistry } from "../helpers/registry.ts";
import { ratio } from "./history.ts";
import { inTempDir, type Measurement, measure, row } from "./measure.ts";

const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const MIB = 1024 * 1024;

/** What fledge replaces: the image fetched, unpacked, and packed as small as xz makes it. */
const SHELL = `
rm -rf oci bundle shell.img
skopeo copy --quiet --src-tls-verify=false docker://$IMAGE oci:oci:image
umoci unpack --image oci:image bundle >/dev/null 2>&1
mksquashfs bundle/rootfs shell.img -comp xz -Xdict-size 50% -noappend -no-progress -quiet
sha256sum shell.img
`;

/** The same codec and level as fledge's, of a tree that is already unpacked. */
const PACK = "mksquashfs bundle/rootfs same.img -comp zstd -Xcompression-level 9 -noappend -no-progress -quiet";

/**
 * A registry image to a squashfs, against the shell pipeline, in one run. Processor time is printed too: unlike the time on
 * the clock, it says the same on a machine that is doing something else.
 */
export async function benchSquashfs(): Promise<void> {
  const registry = await startRegistry();
  try {
    registry.push(`oci:${await bigLayout()}:${TAG}`, "bench/big:1");
    await inTempDir((folder) => compare(folder, `${registry.host}/bench/big:1`));
  } finally {
    await registry.stop();
  }
}

function compare(folder: string, image: string): void {
  const manifest = { workload: { entrypoint: ["/bin/true"], baseUrl: "http://127.0.0.1:80" } };
  const config = { name: "b", strategy: "oci_rootfs", source: { image }, filesystem: { type: "squashfs" }, manifest };
  writeFileSync(join(folder, "fledge.config.mjs"), `export default ${JSON.stringify(config)};\n`);
  writeFileSync(join(folder, "shell.sh"), SHELL);
  const timed = (command: string): Timed => {
    execFileSync("sync");
    const measured = measure(`TIMEFORMAT='%U %S'; { time { ${command} ; } 2>/dev/null ; } 2>cpu`, {
      cwd: folder,
      runs: 1,
    });
    const cpuSeconds = execFileSync("cat", [join(folder, "cpu")], { encoding: "utf8" })
      .trim()
      .split(" ")
      .map(Number);
    return { ...measured, cpuSeconds: cpuSeconds.reduce((sum, seconds) => sum + seconds, 0) };
  };
  const build = (): Timed => {
    rmSync(join(folder, "b-rootfs.img"), { force: true });
    return timed(`${process.execPath} ${CLI} build -q --cache-dir cache`);
  };
  const shell = timed(`IMAGE=${image}; . ./shell.sh`);
  const cold = build();
  const same = timed(PACK);
  const warm = build();
  const bytes = (name: string): number => statSync(join(folder, name)).size;
  console.log(`squashfs: an image of ${(bytes("b-rootfs.img") / MIB).toFixed(0)} MiB from a registry on this machine`);
  report("skopeo, umoci, mksquashfs -comp xz", shell);
  const larger = (bytes("b-rootfs.img") / bytes("shell.img") - 1) * 100;
  report("fledge build, cold store", cold, `${against("shell", shell, cold)}, ${larger.toFixed(1)} % larger`);
  report("mksquashfs zstd 9 of the unpacked tree", same);
  report("fledge build, warm store", warm, against("mksquashfs", same, warm));
}

type Timed = Measurement & { readonly cpuSeconds: number };

function against(what: string, theirs: Timed, ours: Timed): string {
  const times = (of: "seconds" | "cpuSeconds"): string =>
    ratio(`squashfs: fledge / ${what}, ${of}`, ours[of] / theirs[of]);
  return `${times("seconds")} times as long, ${times("cpuSeconds")} by processor time`;
}

function report(name: string, timed: Timed, extra = ""): void {
  row(name, timed, `${timed.cpuSeconds.toFixed(1)} s of processor  ${extra}`);
}
