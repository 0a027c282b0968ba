import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bootDisk, compileAgent, requireAgent } from "../helpers/agent.ts";
import { build } from "../helpers/builds.ts";
import { withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { bootGuest, type GuestOptions } from "../helpers/guest.ts";
import { needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const FETCH = `
  fetch() { eventually curl -fsS $1; }
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

describeWith("a disk of a real image", [requireAgent(), needsRealImages(), requireTools("e2fsck", "lz4")], () => {
  let layout: string;
  beforeAll(async () => {
    layout = await nginxLayout();
  }, 1_200_000);

  /** Builds a disk with fledge and boots it. */
  async function boot(check: string, options: Partial<GuestOptions> = {}) {
    const source = { image: `oci:${layout}:${TAG}` };
    const { artifact, manifest } = await build("nginx", { name: "nginx", strategy: "oci_rootfs", source });
    return { ...(await bootDisk(artifact, manifest, check, options)), disk: artifact };
  }

  test("serves its page from a root that is written to, and is in order afterwards", async () => {
    const { console, poweredOff, disk } = await boot(CHECK);
    const kestrel = readFileSync(compileAgent(tempDir()));
    expect(console).toContain("kestrel is process 1\n");
    expect(console).toContain("<h1>Served by the image</h1>\n");
    expect(console).toMatch(/^\/dev\/vda \/ ext4 rw,/m);
    expect(console).toContain("greeting: hello\n");
    expect(console).toContain("ready\ncheck ended with 0\nworkload ended with 0\n");
    expect(console).not.toMatch(/EXT4-fs (error|warning)|remount:/);
    const [, blocks, size] = /^free: (\d+) \* (\d+)$/m.exec(console) ?? [];
    const agentBytes = kestrel.length;
    expect(Number(blocks) * Number(size)).toBeGreaterThan(63 * 2 ** 20 - agentBytes);
    expect(poweredOff).toBe(true);
    fsck(disk);
    await withMount(disk, "ro", (folder) => {
      expect(readFileSync(join(folder, "srv/written"), "utf8")).toBe("by the guest\n");
      expect(readFileSync(join(folder, "usr/local/bin/kestrel")).equals(kestrel)).toBe(true);
    });
  }, 1_200_000);

  test("gives its programs their file capabilities", async () => {
    const { console } = await boot(CAPABILITY);
    expect(console).toContain("by capability\n");
    expect(console).toMatch(/bind\(\) to 0\.0\.0\.0:81 failed \(13: Permission denied\)/);
    expect(console).toContain("judged\ncheck ended with 0\n");
  }, 1_200_000);

  test("recovers from a power cut", async () => {
    const { disk } = await boot(
      `mkdir /srv/many; seq 1 2000 | while read -r n; do echo $n >/srv/many/$n; done; sync; echo cut now; sleep 100`,
      {
        until: /cut now/,
      },
    );
    await withMount(disk, "rw", (folder) => {
      expect(readFileSync(join(folder, "srv/many/2000"), "utf8")).toBe("2000\n");
    });
    fsck(disk);
  }, 1_200_000);

  test("has a sibling in an initramfs with the same base, which serves the page too", async () => {
    const cwd = tempDir();
    writeFileSync(
      join(cwd, "check.sh"),
      `#!/bin/sh\nnginx\nuntil curl -fsS http://127.0.0.1/; do sleep 1; done\nreadlink /bin/awk /etc/alternatives/awk\n`,
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
    const options = { memoryMb: 1024, timeoutMs: 480_000, append: "quiet" };
    const { console, poweredOff } = await bootGuest({ initrd: artifact, ...options });
    expect(console).toContain("<h1>Served by the image</h1>\n/etc/alternatives/awk\n/usr/bin/mawk\n");
    expect(console).toContain("fledge-init: /sbin/check.sh exited with status 0; powering off");
    expect(poweredOff).toBe(true);
  }, 1_200_000);
});
