/** The least that passes for a static program; it does nothing. */
export function smallElf(): Buffer {
  const elf = Buffer.alloc(64);
  elf.write("\x7fELF\x02\x01\x01", "latin1");
  elf.writeUInt16LE(62, 18); // x86_64
  return elf;
}
