import { closeSync, openSync, readSync } from "node:fs";
import { ioError } from "../lib/files/io-error.ts";

/** The first bytes of a file, fewer where it is shorter. Throws an `io` error, with what to do when there is no such file. */
export function headOf(path: string, bytes: number, ifAbsent: string): Buffer {
  const head = Buffer.alloc(bytes);
  try {
    const fd = openSync(path, "r");
    try {
      return head.subarray(0, readSync(fd, head, 0, bytes, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw ioError(error, "read", path, { ifAbsent });
  }
}
