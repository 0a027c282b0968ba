import { type Elf, readElf } from "../rootfs/elf.ts";
import type { RootfsTree } from "../rootfs/tree.ts";

/** Why a program cannot run in the guest, as the end of a sentence that begins with its path. */
export type Objection = { readonly why: string; readonly hint?: string };

/** Linux's own limit of scripts that interpret scripts (BINPRM_DEPTH). */
const MAX_INTERPRETERS = 4;

/** The ELF machine of each architecture, in the image-spec's words (those of GOARCH). */
const MACHINES: Readonly<Record<string, { readonly machine: string; readonly bits: 32 | 64 }>> = {
  amd64: { machine: "x86_64", bits: 64 },
  arm64: { machine: "aarch64", bits: 64 },
  arm: { machine: "arm", bits: 32 },
  "386": { machine: "i386", bits: 32 },
  riscv64: { machine: "riscv", bits: 64 },
  ppc64le: { machine: "ppc64", bits: 64 },
  s390x: { machine: "s390", bits: 64 },
};

/**
 * What would keep the guest's kernel from starting a program: absent, not executable, built for another machine, or its
 * interpreter (`#!` or ELF PT_INTERP) missing. Undefined when nothing would.
 */
export function whyNotRunnable(
  rootfs: RootfsTree,
  path: string,
  architecture: string,
  depth = 0,
): Objection | undefined {
  if (!path.startsWith("/")) return { why: "is not an absolute path" };
  if (!rootfs.exists(path)) return { why: "does not exist in the guest" };
  const { type, mode } = rootfs.stat(path);
  if (type !== "file") return { why: `is a ${type}, not a program` };
  if ((mode & 0o111) === 0) return { why: "is not executable", hint: `rootfs.chmod("${path}", 0o755) in a hook` };
  const line = firstLine(rootfs, path);
  if (line.startsWith("#!")) return scriptObjection(rootfs, line, architecture, depth);
  const elf = readElf((offset, length) => rootfs.readRange(path, offset, length));
  return elf === undefined
    ? { why: "is neither an ELF program nor a script that begins with #!" }
    : elfObjection(rootfs, elf, architecture);
}

/** As much of it as the kernel looks at (BINPRM_BUF_SIZE). */
function firstLine(rootfs: RootfsTree, path: string): string {
  return rootfs.readRange(path, 0, 256).toString("latin1").split("\n")[0] ?? "";
}

function scriptObjection(rootfs: RootfsTree, line: string, architecture: string, depth: number): Objection | undefined {
  if (line.endsWith("\r")) return { why: "has Windows line ends, its #! line too", hint: "convert it with dos2unix" };
  const [interpreter] = line.slice(2).trim().split(/[ \t]/);
  if (interpreter === undefined || interpreter === "") return { why: "names no interpreter after #!" };
  if (depth >= MAX_INTERPRETERS) return { why: "has too many interpreters" };
  const objection = whyNotRunnable(rootfs, interpreter, architecture, depth + 1);
  if (objection === undefined) return undefined;
  return { ...objection, why: `needs the interpreter ${interpreter}, which ${objection.why}` };
}

/** That an ELF program is for another machine than the guest. */
export function machineObjection(elf: Elf, architecture: string): Objection | undefined {
  const guest = MACHINES[architecture];
  if (guest !== undefined && (elf.machine !== guest.machine || elf.bits !== guest.bits)) {
    const own = `${elf.bits}-bit ${elf.machine}`;
    return { why: `is a ${own} program, but the guest is ${architecture}`, hint: `build it for linux/${architecture}` };
  }
  return undefined;
}

function elfObjection(rootfs: RootfsTree, elf: Elf, architecture: string): Objection | undefined {
  const objection = machineObjection(elf, architecture);
  if (objection !== undefined) return objection;
  const { interpreter } = elf;
  if (interpreter !== undefined && !(interpreter.startsWith("/") && rootfs.exists(interpreter))) {
    return {
      why: `is dynamically linked and needs ${interpreter}, which the guest does not have`,
      hint: "link it statically (CGO_ENABLED=0, -static), or map the loader and its libraries too",
    };
  }
  return undefined;
}

/** Whether a file is a program at all: ELF, or a script. */
export function isProgram(rootfs: RootfsTree, path: string): boolean {
  return firstLine(rootfs, path).startsWith("#!") || rootfs.readRange(path, 0, 4).toString("latin1") === "\x7fELF";
}
