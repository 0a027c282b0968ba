import { machineObjection } from "../guest/executables.ts";
import { readElf } from "../rootfs/elf.ts";
import { ARCHITECTURES, type Architecture } from "./contract.ts";

/** The processor that a program, or a kernel, is for; undefined where it is no ELF file, or fledge has no guests of it. */
export function architectureOfElf(bytes: Buffer): Architecture | undefined {
  const elf = readElf((at, length) => bytes.subarray(at, at + length));
  return elf && ARCHITECTURES.find((architecture) => machineObjection(elf, architecture) === undefined);
}
