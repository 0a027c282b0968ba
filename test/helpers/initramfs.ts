import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A file of a guest: its text, or a copy of a host's file, perhaps changed; or where a symbolic link leads. */
export type GuestFile =
  | { readonly link: string }
  | { readonly text: string; readonly mode: number }
  | { readonly host: string; readonly mode: number; readonly patch?: (bytes: Buffer) => void };

/** An executable shell script of a guest. */
export function script(body: string): GuestFile {
  return { text: `#!/bin/sh\n${body}\n`, mode: 0o755 };
}

/**
 * An archive made by GNU cpio, not by fledge: BusyBox, its applets' links, /dev/console and `files` by guest path.
 * Needs root for the device node. The caller removes `folder`.
 */
export function writeInitramfs(files: Readonly<Record<string, GuestFile>>): { path: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "fledge-initramfs-"));
  const root = join(folder, "root");
  for (const name of ["bin", "dev", "root"]) mkdirSync(join(root, name), { recursive: true });
  installBusybox(join(root, "bin"));
  execFileSync("mknod", ["-m", "600", join(root, "dev/console"), "c", "5", "1"]);
  for (const [path, file] of Object.entries(files)) writeGuestFile(join(root, path), file);
  const path = join(folder, "initramfs.cpio");
  writeFileSync(path, pack(root));
  return { path, folder };
}

function installBusybox(bin: string): void {
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
  copyFileSync(busybox, join(bin, "busybox"));
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  for (const applet of applets) if (applet !== "busybox") symlinkSync("/bin/busybox", join(bin, applet));
}

function writeGuestFile(path: string, file: GuestFile): void {
  mkdirSync(dirname(path), { recursive: true });
  if ("link" in file) {
    symlinkSync(file.link, path);
    return;
  }
  const bytes = "text" in file ? Buffer.from(file.text) : readFileSync(file.host);
  if ("patch" in file) file.patch?.(bytes);
  writeFileSync(path, bytes, { mode: file.mode });
}

function pack(root: string): Buffer {
  const names = execFileSync("find", [".", "-print0"], { cwd: root });
  const cpio = spawnSync("cpio", ["-o", "-0", "-H", "newc", "--quiet"], {
    cwd: root,
    input: names,
    maxBuffer: 2 ** 30,
  });
  if (cpio.status !== 0) throw new Error(`cpio failed: ${cpio.stderr}`);
  return cpio.stdout;
}
