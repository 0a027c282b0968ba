import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/**
 * What a build that wrote into `folder` left behind: temporary files, loop devices, and mounts of any process on the
 * machine that has a namespace of its own.
 */
export function leftoversOf(folder: string): string[] {
  return [...temporaries(folder), ...loopsOf(folder), ...mountsOf(folder)];
}

/** Waits until nothing is left; what a killed build began, the kernel may still be finishing. */
export async function awaitNothingLeft(folder: string, seconds: number): Promise<string[]> {
  for (let waited = 0; ; waited += 50) {
    const left = [...loopsOf(folder), ...mountsOf(folder)];
    if (left.length === 0 || waited > seconds * 1000) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function temporaries(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.includes(".fledge-"));
}

function loopsOf(folder: string): string[] {
  const loops = readdirSync("/sys/block").filter((name) => name.startsWith("loop"));
  return loops.filter((name) => textOf(`/sys/block/${name}/loop/backing_file`).startsWith(`${folder}/`));
}

/** Loop devices of the folder that some process has mounted, whatever its namespace. */
function mountsOf(folder: string): string[] {
  const devices = loopsOf(folder).map((name) => `/dev/${name} `);
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOfOurs(Number(name)));
  return pids.flatMap((pid) => {
    const mounts = textOf(`/proc/${pid}/mounts`);
    return devices.filter((device) => mounts.includes(device)).map((device) => `${device}in the process ${pid}`);
  });
}

function isOfOurs(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}`).uid === 0 && readlinkSync(`/proc/${pid}/ns/mnt`) !== "";
  } catch {
    return false; // a kernel thread, or gone
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
