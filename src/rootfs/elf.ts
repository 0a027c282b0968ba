/** What decides whether a kernel can start an ELF program. */
export type Elf = {
  readonly bits: 32 | 64;
  /** The name of e_machine, or its number where fledge knows no name. */
  readonly machine: string;
  /** The loader that PT_INTERP names; absent for a static program. */
  readonly interpreter?: string;
};

/** Bytes of a file from an offset; fewer than asked for at its end. */
export type ReadRange = (offset: number, length: number) => Uint8Array;

// The head of an ELF file (gabi, chapters "ELF Header" and "Program Header"); offsets for 32 and 64 bits.
//   0  e_ident    7f 'E' 'L' 'F', class (1: 32, 2: 64), data (1: little-endian, 2: big-endian)
//  18  e_machine  2 bytes
//  28/32  e_phoff      4/8 bytes
//  42/54  e_phentsize  2 bytes
//  44/56  e_phnum      2 bytes
// A program header: p_type at 0 (4 bytes), p_offset at 4/8, p_filesz at 16/32.
const MAGIC = 0x7f454c46;
/** The longer of the two. */
export const ELF_HEADER_BYTES = 64;
const PT_INTERP = 3;
const MAX_INTERPRETER_BYTES = 4096;
const MAX_PROGRAM_HEADERS = 512;

const MACHINES: ReadonlyMap<number, string> = new Map([
  [3, "i386"],
  [20, "ppc"],
  [21, "ppc64"],
  [22, "s390"],
  [40, "arm"],
  [62, "x86_64"],
  [183, "aarch64"],
  [243, "riscv"],
  [258, "loongarch"],
]);

/** Reads the head of an ELF file; undefined when it is not one, or is cut short. */
export function readElf(read: ReadRange): Elf | undefined {
  const header = Buffer.from(read(0, ELF_HEADER_BYTES));
  const base = readElfHeader(header);
  if (base === undefined) return undefined;
  const is64 = base.bits === 64;
  const at = accessors(header[5] === 2, is64);
  const entryBytes = at.u16(header, is64 ? 54 : 42);
  const count = Math.min(at.u16(header, is64 ? 56 : 44), MAX_PROGRAM_HEADERS);
  const table = Buffer.from(read(at.word(header, is64 ? 32 : 28), entryBytes * count));
  for (let start = 0; start + (is64 ? 40 : 20) <= table.length && entryBytes > 0; start += entryBytes) {
    if (at.u32(table, start) !== PT_INTERP) continue;
    const length = Math.min(at.word(table, start + (is64 ? 32 : 16)), MAX_INTERPRETER_BYTES);
    const text = Buffer.from(read(at.word(table, start + (is64 ? 8 : 4)), length)).toString("latin1");
    return { ...base, interpreter: text.replace(/\0.*$/s, "") };
  }
  return base;
}

/** What the first `ELF_HEADER_BYTES` of a file say; undefined when it is no ELF file, or is cut short. */
export function readElfHeader(header: Buffer): Pick<Elf, "bits" | "machine"> | undefined {
  if (header.length < 52 || header.readUInt32BE(0) !== MAGIC) return undefined;
  const is64 = header[4] === 2;
  if (is64 && header.length < ELF_HEADER_BYTES) return undefined;
  const machine = accessors(header[5] === 2, is64).u16(header, 18);
  return { bits: is64 ? 64 : 32, machine: MACHINES.get(machine) ?? `#${machine}` };
}

type Accessors = Record<"u16" | "u32" | "word", (bytes: Buffer, offset: number) => number>;

function accessors(isBigEndian: boolean, is64: boolean): Accessors {
  const u16 = (bytes: Buffer, offset: number) =>
    isBigEndian ? bytes.readUInt16BE(offset) : bytes.readUInt16LE(offset);
  const u32 = (bytes: Buffer, offset: number) =>
    isBigEndian ? bytes.readUInt32BE(offset) : bytes.readUInt32LE(offset);
  const u64 = (bytes: Buffer, offset: number) =>
    Number(isBigEndian ? bytes.readBigUInt64BE(offset) : bytes.readBigUInt64LE(offset));
  return { u16, u32, word: is64 ? u64 : u32 };
}
