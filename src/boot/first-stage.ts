import { singleQuoted } from "../rootfs/edit/env.ts";
import type { Manifest } from "../volant/schema.ts";
import { responderScript } from "./exec.ts";
import { GUEST_NETWORK } from "./network.ts";

/** What the scripts of the first stage say on the console begins so. */
const VOICE = "fledge-boot:";

/** Where the first stage lies in the guest; an initramfs that it hands over to does not see it any more. */
export const STAGE_FOLDER = "/.fledge";

/** Where what is left of it lies on a disk, which has the agent in its place on Volant. */
const DISK_FOLDER = "/run/.fledge";

/** The status that a workload ended with, in a line of the console. */
export function workloadStatusIn(line: string): number | undefined {
  const [, status] = /^the workload ended with status (\d+)/.exec(wordsIn(line) ?? "") ?? [];
  return status === undefined ? undefined : Number(status);
}

/** Why the first stage gave up, or what it said last, in a line of the console; of a module that failed it goes on. */
export function reasonIn(line: string): string | undefined {
  const words = wordsIn(line);
  return words?.startsWith("the module") ? undefined : words;
}

function wordsIn(line: string): string | undefined {
  const at = line.indexOf(`${VOICE} `);
  return at < 0 ? undefined : line.slice(at + VOICE.length + 1);
}

/**
 * What runs before the artifact's own first process: it loads what the kernel has as modules, and gives the network card
 * its address, which a kernel without modules does by itself. Of a disk it does what Volant's agent does.
 */
export function firstStage(modules: readonly string[], { filesystem, hasChannel = false }: StageOptions = {}): string {
  return script([
    `b=${STAGE_FOLDER}/busybox`,
    fail(),
    ...modules.map(
      (name) => `$b insmod ${STAGE_FOLDER}/modules/${name}.ko || echo "${VOICE} the module ${name} failed"`,
    ),
    "$b ifconfig lo 127.0.0.1 up",
    `$b ifconfig eth0 ${GUEST_NETWORK.address} netmask ${GUEST_NETWORK.mask} up && $b route add default gw ${GUEST_NETWORK.gateway}`,
    ...(filesystem === undefined ? intoInitramfs(hasChannel) : intoDisk(filesystem)),
  ]);
}

/** Of a disk its filesystem; and whether programs can be run in the guest. */
type StageOptions = { readonly filesystem?: string; readonly hasChannel?: boolean };

/** What runs beside the guest's own processes, for `exec`. */
export function responder(kind: "rootfs" | "initramfs"): string {
  return script([responderScript(kind === "rootfs" ? DISK_FOLDER : STAGE_FOLDER, VOICE)]);
}

function intoInitramfs(hasChannel: boolean): string[] {
  return [
    '[ -e /init ] || [ -L /init ] || fail "the artifact has no /init: did the kernel unpack it?"',
    hasChannel ? `$b sh ${STAGE_FOLDER}/answer &` : `$b rm -rf ${STAGE_FOLDER}`,
    "exec /init",
  ];
}

/** The agent's steps: mount, copy itself in, go there; what it mounts is in the way of what the image has there. */
function intoDisk(filesystem: string): string[] {
  return [
    "$b mkdir -p /dev /proc /mnt",
    "$b mount -t devtmpfs devtmpfs /dev",
    "for _ in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; $b sleep 1; done",
    '[ -b /dev/vda ] || fail "there is no disk: the kernel has no virtio-blk"',
    `$b mount -t ${filesystem} -o relatime /dev/vda /mnt || fail "cannot mount the disk as ${filesystem}"`,
    "$b mkdir -p /mnt/usr/local/bin && $b cp $b /mnt/usr/local/bin/kestrel.tmp &&" +
      " $b mv /mnt/usr/local/bin/kestrel.tmp /mnt/usr/local/bin/kestrel ||" +
      ' fail "the root cannot be written to, and the agent copies itself into it"',
    'put() { $b mkdir -p "/mnt$2"; $b mount -t "$1" -o "$3" "$1" "/mnt$2" || fail "cannot mount $2"; }',
    "put proc /proc rw; put sysfs /sys rw; put devtmpfs /dev rw; put devpts /dev/pts mode=0620,gid=5",
    "put tmpfs /dev/shm mode=1777; put tmpfs /run mode=0755; put tmpfs /tmp mode=1777",
    `$b mkdir /mnt${DISK_FOLDER}`,
    `for f in busybox start answer; do [ ! -e ${STAGE_FOLDER}/$f ] || $b cp ${STAGE_FOLDER}/$f /mnt${DISK_FOLDER}/; done`,
    `exec $b switch_root /mnt ${DISK_FOLDER}/busybox sh ${DISK_FOLDER}/start`,
  ];
}

/** What runs on a disk as its first process: the workload, as the agent starts it; when that ends, so does the guest. */
export function startScript({ workload }: Pick<Manifest, "workload">): string {
  const words = workload.entrypoint.map((word) => word.trim()).filter((word) => word !== "");
  const [program = ""] = words;
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", ...workload.env };
  const variables = Object.entries(env).map(([name, value]) => singleQuoted(`${name}=${value.trim()}`));
  const folder = singleQuoted(workload.workdir || "/");
  return script([
    `b=${DISK_FOLDER}/busybox`,
    fail(),
    `[ ! -e ${DISK_FOLDER}/answer ] || $b sh ${DISK_FOLDER}/answer &`,
    // The agent looks it up before the workload's PATH is set.
    program.includes("/") ? "" : `fail ${singleQuoted(`exec: "${program}": executable file not found in $PATH`)}`,
    `cd ${folder} || fail the working folder ${folder} is not there`,
    `$b env -i HOME=/ TERM=linux ${[...variables, ...words.map(singleQuoted)].join(" ")} &`,
    "wait $!",
    `echo "${VOICE} the workload ended with status $?"`,
    "$b sync; $b mount -o remount,ro / 2>/dev/null",
    "$b poweroff -f",
  ]);
}

/** The first process must not end: the kernel panics then, which is how it is seen that the boot failed. */
function fail(): string {
  return `fail() { echo "${VOICE} $*"; exit 1; }`;
}

function script(lines: readonly string[]): string {
  return `#!${STAGE_FOLDER}/busybox sh\n${lines.filter((line) => line !== "").join("\n")}\n`;
}
