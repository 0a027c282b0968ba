import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's names of the architectures whose BusyBox is fetched, and the emulator that runs each. */
export const FOREIGN: Readonly<Record<string, string>> = {
  arm64: "qemu-aarch64-static",
  armhf: "qemu-arm-static",
  i386: "qemu-i386-static",
};

const FOLDER = join(tmpdir(), "fledge-test-busybox");

/**
 * BusyBox of a Debian package of any architecture, fetched once per machine. What apt knows of other architectures is
 * kept in a folder of the tests' own: the machine's configuration stays as it is.
 */
export function foreignBusybox(packageName: "busybox-static" | "busybox", architecture: string): string {
  const root = join(FOLDER, `${packageName}-${architecture}`);
  const path = (): string | undefined =>
    ["usr/bin/busybox", "bin/busybox"].map((name) => join(root, name)).find((name) => existsSync(name));
  const there = path();
  if (there !== undefined) return there;

  const work = join(FOLDER, `work-${process.pid}`);
  mkdirSync(join(work, "lists", "partial"), { recursive: true });
  try {
    const options = [
      ["-o", `APT::Architectures=${architecture}`],
      ["-o", `Dir::State::Lists=${join(work, "lists")}`],
      ["-o", `Dir::Cache=${work}`],
      ["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none", "-qq"],
    ].flat();
    // A mirror may lack one of several indices for a while; whether what is left suffices, the download tells.
    spawnSync("apt-get", [...options, "update"]);
    execFileSync("apt-get", [...options, "download", `${packageName}:${architecture}`], { cwd: work, stdio: "pipe" });
    const deb = readdirSync(work).find((name) => name.endsWith(".deb")) ?? "none.deb";
    const unpacked = join(work, "root");
    execFileSync("dpkg", ["-x", join(work, deb), unpacked]);
    rmSync(root, { recursive: true, force: true });
    renameSync(unpacked, root);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const found = path();
  if (found === undefined) throw new Error(`${packageName} of ${architecture} has no busybox`);
  return found;
}

/** What `busybox --list-full` prints: the path of each applet without its first slash. */
export function listFull(path: string, emulator?: string): string[] {
  const [program = "", ...args] = [...(emulator === undefined ? [] : [emulator]), path, "--list-full"];
  return execFileSync(program, args, { encoding: "utf8" }).trim().split("\n");
}
