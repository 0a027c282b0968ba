import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { build } from "../helpers/builds.ts";
import { withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { copyModules, requireModules } from "../helpers/kernel-modules.ts";
import { type BootOptions, type BootResult, bootGuest, findKernel, requireBoot } from "../helpers/qemu.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const KESTREL = fileURLToPath(new URL("../helpers/kestrel.c", import.meta.url));
const KERNEL = findKernel() ?? "";

const FETCH = `
  ip link set lo up
  fetch() {
    tries=0
    until curl -fsS $1; do tries=$((tries + 1)); [ $tries -lt 30 ] || exit 1; sleep 1; done
  }
`;

/** Runs in the booted disk with the image's own programs. */
const CHECK = `
  ${FETCH}
  fetch http://127.0.0.1/
  cat /proc/mounts | grep ' / '
  echo "free: $(stat -f -c '%a * %S' /)"
  echo "greeting: $GREETING"
  echo 'by the guest' >/srv/written
  echo ready
`;

/** Only its file capability lets an nginx that is not root's listen on a port below 1024. */
const CAPABILITY = `
  ${FETCH}
  fetch http://127.0.0.1/ # which makes the folders that every nginx wants
  echo 'pid /tmp/n.pid; error_log stderr; events {} http { access_log off; server { listen 81; return 200 "by capability\\n"; } }' >/tmp/n.conf
  for program in /usr/sbin/nginx /srv/nginx; do
    [ -e $program ] || cp /usr/sbin/nginx $program # without its attributes
    setpriv --reuid=33 --regid=33 --clear-groups $program -c /tmp/n.conf -g 'daemon off;' &
    workload=$!
    if [ $program = /srv/nginx ]; then
      wait $workload && exit 1
    else
      fetch http://127.0.0.1:81/
      kill $workload
      wait $workload
    fi
  done
  echo judged
`;

describeWith(
  "a disk of a real image",
  [requireBoot(), requireModules(KERNEL), needsRealImages(), requireTools("cc", "busybox", "e2fsck", "lz4")],
  () => {
    let layout: string;
    beforeAll(async () => {
      layout = await nginxLayout();
    }, 1_200_000);

    /** Builds disk and initramfs with fledge and boots a copy of the disk. */
    async function boot(check: string, options: Partial<BootOptions> = {}) {
      const cwd = tempDir();
      const kestrel = join(cwd, "kestrel");
      execFileSync("cc", ["-static", "-O2", "-o", kestrel, KESTREL]);
      const source = { image: `oci:${layout}:${TAG}` };
      const disk = await build("nginx", { name: "nginx", strategy: "oci_rootfs", source });
      const initrd = await buildInitramfs(cwd, disk.manifest.workload, check);
      const copy = join(cwd, "copy.img");
      copyFileSync(disk.artifact, copy);
      const drives = [{ path: copy, format: "raw" as const }];
      const result: BootResult = await bootGuest({
        ...{ initrd, drives, kernel: KERNEL, memoryMb: 512, timeoutMs: 240_000, append: "quiet" },
        ...options,
      });
      return { ...result, copy, kestrel };
    }

    test("serves its page from a root that is written to, and is in order afterwards", async () => {
      const { console, poweredOff, copy, kestrel } = await boot(CHECK);
      expect(console).toContain("kestrel is process 1\n");
      expect(console).toContain("<h1>Served by the image</h1>\n");
      expect(console).toMatch(/^\/dev\/vda \/ ext4 rw,/m);
      expect(console).toContain("greeting: hello\n");
      expect(console).toContain("ready\ncheck ended with 0\nworkload ended with 0\n");
      expect(console).not.toMatch(/EXT4-fs (error|warning)|remount:/);
      const [, blocks, size] = /^free: (\d+) \* (\d+)$/m.exec(console) ?? [];
      const agentBytes = readFileSync(kestrel).length;
      expect(Number(blocks) * Number(size)).toBeGreaterThan(63 * 2 ** 20 - agentBytes);
      expect(poweredOff).toBe(true);
      fsck(copy);
      await withMount(copy, "ro", (folder) => {
        expect(readFileSync(join(folder, "srv/written"), "utf8")).toBe("by the guest\n");
        expect(readFileSync(join(folder, "usr/local/bin/kestrel")).equals(readFileSync(kestrel))).toBe(true);
      });
    }, 400_000);

    test("gives its programs their file capabilities", async () => {
      const { console } = await boot(CAPABILITY);
      expect(console).toContain("by capability\n");
      expect(console).toMatch(/bind\(\) to 0\.0\.0\.0:81 failed \(13: Permission denied\)/);
      expect(console).toContain("judged\ncheck ended with 0\n");
    }, 400_000);

    test("recovers from a power cut", async () => {
      const { copy } = await boot(
        `mkdir /srv/many; seq 1 2000 | while read -r n; do echo $n >/srv/many/$n; done; sync; echo cut now; sleep 100`,
        {
          until: /cut now/,
        },
      );
      await withMount(copy, "rw", (folder) => {
        expect(readFileSync(join(folder, "srv/many/2000"), "utf8")).toBe("2000\n");
      });
      fsck(copy);
    }, 400_000);

    test("has a sibling in an initramfs with the same base, which serves the page too", async () => {
      const cwd = tempDir();
      writeFileSync(
        join(cwd, "check.sh"),
        `#!/bin/sh\nnginx\n${FETCH}\nfetch http://127.0.0.1/\nreadlink /bin/awk /etc/alternatives/awk\n`,
      );
      const { artifact } = await build(
        "nginx",
        {
          ...{ name: "nginx", strategy: "initramfs", source: { image: `oci:${layout}:${TAG}` } },
          ...{ busybox: { path: "/bin/busybox" }, init: { path: "./check.sh" } },
          archive: { compression: "lz4" },
        },
        { cwd },
      );
      const options = { kernel: KERNEL, memoryMb: 1024, timeoutMs: 240_000, append: "quiet" };
      const { console, poweredOff } = await bootGuest({ initrd: artifact, ...options });
      expect(console).toContain("<h1>Served by the image</h1>\n/etc/alternatives/awk\n/usr/bin/mawk\n");
      expect(console).toContain("fledge-init: /sbin/check.sh exited with status 0; powering off");
      expect(poweredOff).toBe(true);
    }, 400_000);
  },
);

type Workload = { readonly entrypoint: readonly string[]; readonly env?: Readonly<Record<string, string>> | undefined };

/** An initramfs that does with the disk what the agent does at boot. */
async function buildInitramfs(cwd: string, { entrypoint, env = {} }: Workload, check: string): Promise<string> {
  mkdirSync(join(cwd, "modules"));
  const modules = copyModules(KERNEL, ["virtio_pci", "virtio_blk"], join(cwd, "modules"));
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`);
  const script = [
    "#!/bin/sh -e",
    ...modules.map((file) => `insmod /modules/${file}`),
    "for i in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; sleep 1; done",
    "mkdir /disk",
    "mount -t ext4 -o rw /dev/vda /disk",
    "cp /bin/kestrel /disk/usr/local/bin/kestrel",
    "for at in proc sys dev run; do mount --move /$at /disk/$at; done",
    ...exports,
    `exec switch_root /disk /usr/local/bin/kestrel ${[check, ...entrypoint].map(quote).join(" ")}`,
  ];
  writeFileSync(join(cwd, "boot.sh"), `${script.join("\n")}\n`);
  const { artifact } = await build(
    "boot",
    {
      name: "boot",
      strategy: "initramfs",
      busybox: { path: "/bin/busybox" },
      agent: { path: "./kestrel" },
      init: { path: "./boot.sh", exec: true },
      mappings: { "./modules": "/modules" },
    },
    { cwd },
  );
  return artifact;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
