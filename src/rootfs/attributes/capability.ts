import { FledgeError } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/suggest.ts";

/** The xattr in which the kernel keeps file capabilities. */
export const CAPABILITY_XATTR = "security.capability";

/** Bit numbers are positions in this list (linux/capability.h). */
const NAMES: readonly string[] = (
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service " +
  "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin " +
  "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override " +
  "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split(" ");

// struct vfs_cap_data (linux/capability.h), little-endian:
//   le32 magic_etc      VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE
//   le32 permitted[0]   le32 inheritable[0]   bits 0..31
//   le32 permitted[1]   le32 inheritable[1]   bits 32..63
const VFS_CAP_REVISION_2 = 0x02000000;
const VFS_CAP_FLAGS_EFFECTIVE = 0x000001;

/**
 * The value of `security.capability` for a text such as `cap_net_bind_service,cap_net_raw+ep`, in the notation of
 * setcap(8): clauses apart by spaces, each a list of names (or `all`) and an operator `=`, `+` with flags of `e`, `i`, `p`.
 * File capabilities have one effective bit for all: `e` must go with all that is permitted or inheritable.
 */
export function encodeCapability(text: string): Uint8Array {
  let permitted = 0n;
  let inheritable = 0n;
  let effective = 0n;
  for (const clause of text.trim().split(/\s+/)) {
    const match = /^([a-z0-9_,]*)([=+])([eip]*)$/i.exec(clause);
    if (match === null) throw badClause(text, clause);
    const [, names = "", operator, flags = ""] = match;
    const bits = bitsOf(names, text);
    if (operator === "=") {
      permitted &= ~bits;
      inheritable &= ~bits;
      effective &= ~bits;
    }
    if (flags.includes("p")) permitted |= bits;
    if (flags.includes("i")) inheritable |= bits;
    if (flags.includes("e")) effective |= bits;
  }
  if (effective !== 0n && effective !== (permitted | inheritable)) {
    throw new FledgeError("rootfs", `capability "${text}": the effective flag is one for the whole file`, {
      hint: 'give "e" to all capabilities of the file or to none',
    });
  }
  const value = Buffer.alloc(20);
  value.writeUInt32LE((VFS_CAP_REVISION_2 | (effective !== 0n ? VFS_CAP_FLAGS_EFFECTIVE : 0)) >>> 0, 0);
  value.writeUInt32LE(Number(permitted & 0xffffffffn), 4);
  value.writeUInt32LE(Number(inheritable & 0xffffffffn), 8);
  value.writeUInt32LE(Number(permitted >> 32n), 12);
  value.writeUInt32LE(Number(inheritable >> 32n), 16);
  return value;
}

function bitsOf(names: string, text: string): bigint {
  if (names === "" || names.toLowerCase() === "all") return (1n << BigInt(NAMES.length)) - 1n;
  let bits = 0n;
  for (const name of names.toLowerCase().split(",")) {
    const index = NAMES.indexOf(name.replace(/^cap_/, ""));
    if (index < 0 || !name.startsWith("cap_")) {
      throw new FledgeError("rootfs", `capability "${text}": there is no "${name}"`, {
        hint: didYouMean(
          name,
          NAMES.map((known) => `cap_${known}`),
        ),
      });
    }
    bits |= 1n << BigInt(index);
  }
  return bits;
}

function badClause(text: string, clause: string): FledgeError {
  return new FledgeError("rootfs", `capability "${text}": cannot read "${clause}"`, {
    hint: 'write it like "cap_net_bind_service+ep"',
  });
}

/** The text of a `security.capability`, as getcap prints it; its bytes in hex where it is none that Linux would take. */
export function decodeCapability(raw: Uint8Array): string {
  const value = Buffer.from(raw);
  if (value.length < 20) return `0x${value.toString("hex")}`;
  const half = (at: number): bigint => BigInt(value.readUInt32LE(at)) | (BigInt(value.readUInt32LE(at + 8)) << 32n);
  const [permitted, inheritable] = [half(4), half(8)];
  const effective = (value.readUInt32LE(0) & VFS_CAP_FLAGS_EFFECTIVE) !== 0 ? "e" : "";
  const clauses = new Map<string, string[]>();
  for (let bit = 0n; bit < 64n; bit++) {
    const flags = `${(inheritable >> bit) & 1n ? "i" : ""}${(permitted >> bit) & 1n ? "p" : ""}`;
    if (flags === "") continue;
    const name = NAMES[Number(bit)];
    clauses.set(flags, [...(clauses.get(flags) ?? []), name === undefined ? String(bit) : `cap_${name}`]);
  }
  return [...clauses].map(([flags, names]) => `${names.join(",")}=${effective}${flags}`).join(" ");
}
