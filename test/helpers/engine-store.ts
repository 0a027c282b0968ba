import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeLayout } from "./oci-layout.ts";

/** A store for buildah and podman that goes when the tests end; the machine's own is not touched. */
export type EngineStore = {
  /** For the engine, or whoever starts it. RUN needs no container runtime and uses the host's network. */
  readonly env: Readonly<Record<string, string>>;
  /** Copies the image of `LAYOUT:TAG` to `localhost/NAME:latest`. */
  load(layout: string, name: string): Promise<void>;
  /** What `buildah ARGUMENTS` prints, line by line. */
  buildah(...args: readonly string[]): Promise<string[]>;
  remove(): void;
};

export function engineStore(): EngineStore {
  const folder = mkdtempSync(join(tmpdir(), "fledge-engine-"));
  const conf = join(folder, "storage.conf");
  const paths = `graphroot = "${folder}/graph"\nrunroot = "${folder}/run"`;
  writeFileSync(conf, `[storage]\ndriver = "vfs"\n${paths}\n`);
  const env = { CONTAINERS_STORAGE_CONF: conf, BUILDAH_ISOLATION: "chroot" };
  const run = async (program: string, args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(program, [...args], { env: { ...process.env, ...env } })).stdout;
  return {
    env,
    async load(layout, name) {
      await run("skopeo", ["copy", "--quiet", `oci:${layout}`, `containers-storage:localhost/${name}:latest`]);
    },
    buildah: async (...args) => (await run("buildah", args)).split("\n").filter((line) => line !== ""),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An OCI layout with its tag, of one layer: Debian's static BusyBox with its applets. */
export function busyboxLayout(folder: string): string {
  const script = `
    mkdir -p root/bin root/etc root/tmp root/srv layout; cp /bin/busybox root/bin/
    for applet in $(/bin/busybox --list | grep -vx busybox); do ln -s busybox "root/bin/$applet"; done
    echo root:x:0:0::/:/bin/sh >root/etc/passwd; chmod 1777 root/tmp
    tar --sort=name --owner=0 --group=0 --mtime=@0 -C root -cf layer.tar .
  `;
  mkdirSync(folder, { recursive: true });
  execFileSync("sh", ["-euc", script], { cwd: folder });
  const layer = execFileSync("cat", [join(folder, "layer.tar")], { maxBuffer: 64 * 2 ** 20 });
  writeLayout(join(folder, "layout"), [layer]);
  return `${join(folder, "layout")}:t`;
}
