import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FledgeError } from "../../lib/errors.ts";

const SYS_BLOCK = "/sys/block";
const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/**
 * Waits until the kernel has let go of an image: when a child was killed, the last writes to a mounted one go on for a
 * while. Throws a `stage` error when a device still has it after a minute.
 */
export async function awaitRelease(image: string): Promise<void> {
  for (let waited = 0; ; waited += POLL_MS) {
    const device = deviceOf(image);
    if (device === undefined) return;
    if (waited >= PATIENCE_MS) {
      throw new FledgeError("stage", `${device} still has the image ${image}`, { hint: `losetup --detach ${device}` });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The loop device of a file, from what loop(4) shows in sysfs. */
function deviceOf(image: string): string | undefined {
  if (!existsSync(SYS_BLOCK)) return undefined;
  const real = join(realpathSync(dirname(image)), basename(image));
  const loops = readdirSync(SYS_BLOCK).filter((name) => name.startsWith("loop"));
  const found = loops.find((name) => [real, `${real} (deleted)`].includes(backingFileOf(name)));
  return found === undefined ? undefined : `/dev/${found}`;
}

function backingFileOf(loop: string): string {
  try {
    return readFileSync(`${SYS_BLOCK}/${loop}/loop/backing_file`, "utf8").trimEnd();
  } catch {
    return ""; // not in use
  }
}
