import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { readArchive } from "../imagers/cpio/read.ts";
import { Ext4Reader } from "../imagers/ext4/reader/read.ts";
import { readFileIn } from "../imagers/ext4/reader/read-file.ts";
import { decompress } from "../lib/decompress.ts";
import { FledgeError } from "../lib/errors.ts";
import { ARCHITECTURES, type Architecture, type Surroundings } from "./contract.ts";
import { architectureOfElf } from "./elf.ts";
import type { Bootable } from "./subject.ts";

/** Throws a `usage` error for a plugin of a processor that fledge has no guests of. */
export function architectureOf({ name, platform: { architecture } }: ResolvedPlugin): Architecture {
  const known = ARCHITECTURES.find((one) => one === architecture);
  if (known !== undefined) return known;
  throw new FledgeError("usage", `${name} is for ${architecture}, and fledge boots amd64 and arm64`, {
    hint: "build it with --platform linux/amd64 as well",
  });
}

/** The processor that the programs of an artifact are for; undefined where none of those that are looked at says so. */
export async function architectureIn(subject: Bootable, around: Surroundings): Promise<Architecture | undefined> {
  const program =
    subject.medium.kind === "initramfs"
      ? await firstProgram(subject.artifact, around).catch(() => undefined)
      : await programOnDisk(subject).catch(() => undefined);
  return program && architectureOfElf(program);
}

/** The beginning of the first program of an archive; what damages it, and what it is packed with, is the kernel's to say. */
async function firstProgram(path: string, { env, signal }: Surroundings): Promise<Buffer | undefined> {
  const file = createReadStream(path).on("error", () => {}); // the reader has it
  try {
    for await (const { data } of readArchive(decompress(file, { label: path, env, signal }))) {
      for await (const part of data) {
        const head = Buffer.from(part);
        if (head.toString("latin1", 0, 4) === "\x7fELF") return head;
        break;
      }
    }
    return undefined;
  } finally {
    file.destroy();
  }
}

/** The shell's, or that of what is started. */
async function programOnDisk({ artifact, medium, manifest }: Bootable): Promise<Buffer | undefined> {
  if (medium.kind !== "rootfs" || medium.filesystem !== "ext4") return undefined;
  const file = await open(artifact);
  try {
    const reader = Ext4Reader.open(file.fd);
    const paths = ["/bin/sh", "/bin/busybox", manifest?.workload.entrypoint[0] ?? "/sbin/init"];
    for (const path of paths) {
      const bytes = readFileIn(reader, path);
      if (bytes?.toString("latin1", 0, 4) === "\x7fELF") return bytes;
    }
    return undefined;
  } finally {
    await file.close();
  }
}
