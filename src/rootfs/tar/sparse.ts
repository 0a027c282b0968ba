import { segmentsOf } from "../content.ts";
import type { FileInode, Segment } from "../node.ts";
import { BLOCK_BYTES, decodeNumber } from "./header.ts";
import { parsePaxNumber } from "./pax.ts";

/** The map of a sparse file: its apparent size and its runs of data, which the archive holds back to back. */
export type SparseMap = { readonly size: number; readonly segments: readonly Segment[] };

// struct oldgnu_header (GNU tar manual, "Old GNU Format"): 386 sp[4] of {offset[12] numbytes[12]}  482 isextended
//   483 realsize[12]; while isextended: a block of sp[21], 504 isextended.
const OLD_GNU_AT = 386;
const OLD_GNU_SLOTS = 4;
const OLD_GNU_EXTENDED_AT = 482;
const OLD_GNU_REALSIZE_AT = 483;
const EXTENSION_SLOTS = 21;
const EXTENSION_EXTENDED_AT = 504;

export function oldGnuHeader(block: Buffer): { size: number; runs: number[]; isExtended: boolean } {
  return {
    size: decodeNumber(block, OLD_GNU_REALSIZE_AT, 12),
    runs: slots(block, OLD_GNU_AT, OLD_GNU_SLOTS),
    isExtended: block[OLD_GNU_EXTENDED_AT] !== 0,
  };
}

export function oldGnuExtension(block: Buffer): { runs: number[]; isExtended: boolean } {
  return { runs: slots(block, 0, EXTENSION_SLOTS), isExtended: block[EXTENSION_EXTENDED_AT] !== 0 };
}

/** How a PAX header says that its file is sparse (GNU tar manual, "PAX Format"). */
export type PaxSparse =
  | { readonly version: "0"; readonly size: number; readonly runs: readonly number[] }
  /** The map is at the start of the data: see `SparseMapReader`. */
  | { readonly version: "1.0"; readonly size: number };

/** Takes the `GNU.sparse.*` records of one PAX header. */
export class PaxSparseReader {
  readonly #runs: number[] = [];
  #size = Number.NaN;
  #isSparse = false;
  #isVersion1 = false;

  take(name: string, value: string): void {
    if (name === "size" || name === "realsize") this.#size = decimal(value);
    if (name === "major") this.#isVersion1 = value === "1";
    // 0.0 repeats the keys; 0.1 has all numbers in one.
    if (name === "offset" || name === "numbytes") this.#runs.push(decimal(value));
    if (name === "map" && value !== "") splitNumbers(value, this.#runs);
    if (name === "map" || name === "numblocks" || name === "major") this.#isSparse = true;
  }

  /** What they say, or undefined for a plain file. */
  result(): PaxSparse | undefined {
    if (!this.#isSparse) return undefined;
    const size = this.#size;
    return this.#isVersion1 ? { version: "1.0", size } : { version: "0", size, runs: this.#runs };
  }
}

/** No `split`, whose pieces would take many times the map's bytes. */
function splitNumbers(text: string, numbers: number[]): void {
  for (let start = 0; start <= text.length; ) {
    const comma = text.indexOf(",", start);
    const end = comma < 0 ? text.length : comma;
    numbers.push(decimal(text.slice(start, end)));
    start = end + 1;
  }
}

/** The map at the start of a 1.0 file's data, block by block: decimal lines, the first their number of pairs. */
export class SparseMapReader {
  /** How many pairs there are, once that is known. */
  count: number | undefined;
  readonly runs: number[] = [];
  #number = 0;
  #digits = 0;

  /** Whether the map is complete; NaN stands where there is no number. */
  take(block: Buffer): boolean {
    for (const byte of block) {
      if (byte === 0x0a) {
        this.#endLine();
        if (this.runs.length === 2 * (this.count as number) || Number.isNaN(this.count)) return true;
      } else {
        this.#number = byte >= 0x30 && byte <= 0x39 ? this.#number * 10 + (byte - 0x30) : Number.NaN;
        this.#digits++;
      }
    }
    return false;
  }

  #endLine(): void {
    const value = this.#digits === 0 ? Number.NaN : this.#number;
    if (this.count === undefined) this.count = value;
    else this.runs.push(value);
    this.#number = 0;
    this.#digits = 0;
  }
}

/** Holes are kept in units of this, the block of the file systems that they are for. */
const HOLE_BYTES = 4096;

/**
 * The runs in which a sparse file goes into an archive, or undefined for one without holes. GNU tar begins each run at a
 * block of the archive while others read on where the last one ended: with whole blocks both are the same.
 */
export function sparseRunsOf(file: FileInode): Segment[] | undefined {
  const runs: Segment[] = [];
  let stored = 0;
  for (const { at, length } of segmentsOf(file)) {
    if (length === 0) continue;
    const last = runs.at(-1);
    const lastEnd = last === undefined ? 0 : last.at + last.length;
    const start = Math.floor(at / HOLE_BYTES) * HOLE_BYTES;
    const end = Math.min(file.size, Math.ceil((at + length) / HOLE_BYTES) * HOLE_BYTES);
    if (last !== undefined && start <= lastEnd) runs[runs.length - 1] = { at: last.at, length: end - last.at };
    else runs.push({ at: start, length: end - start });
    stored += end - Math.max(start, lastEnd);
  }
  return stored < file.size ? runs : undefined;
}

/** The map of a 1.0 file in whole blocks. */
export function encodeSparseMap(size: number, runs: readonly Segment[]): Buffer {
  const last = runs.at(-1);
  // A run without bytes marks the end of a file that ends in a hole: without it GNU tar makes the file too short.
  const marked = last !== undefined && last.at + last.length === size ? runs : [...runs, { at: size, length: 0 }];
  const text = `${marked.length}\n${marked.map(({ at, length }) => `${at}\n${length}\n`).join("")}`;
  const map = Buffer.alloc(Math.ceil(text.length / BLOCK_BYTES) * BLOCK_BYTES);
  map.write(text, "latin1");
  return map;
}

/** Checks that the runs ascend within the file and make up the stored bytes; undefined where they do not. */
export function sparseMap(size: number, runs: readonly number[], storedBytes: number): SparseMap | undefined {
  const segments: Segment[] = [];
  let end = 0;
  let stored = 0;
  if (!(size >= 0) || runs.length % 2 !== 0) return undefined;
  for (let i = 0; i < runs.length; i += 2) {
    const at = runs[i] as number;
    const length = runs[i + 1] as number;
    if (!(at >= end && length >= 0 && at + length <= size)) return undefined;
    stored += length;
    // A run without bytes only marks the file's end.
    if (length === 0) continue;
    const last = segments.at(-1);
    if (last !== undefined && last.at + last.length === at) segments.pop();
    segments.push(
      last !== undefined && last.at + last.length === at
        ? { at: last.at, length: last.length + length }
        : { at, length },
    );
    end = at + length;
  }
  return stored === storedBytes ? { size, segments } : undefined;
}

function slots(block: Buffer, at: number, count: number): number[] {
  const runs: number[] = [];
  for (let i = 0; i < count && block[at + i * 24] !== 0; i++) {
    runs.push(decodeNumber(block, at + i * 24, 12), decodeNumber(block, at + i * 24 + 12, 12));
  }
  return runs;
}

function decimal(value: string): number {
  return parsePaxNumber(value) ?? Number.NaN;
}
