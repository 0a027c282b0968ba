import { once } from "node:events";
import { throwIfAborted } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { LOOKING_FLAGS, type LookingArgs, TARGET, withImage, wordsOf } from "../inspect-targets.ts";

const { json: _json, ...FLAGS } = LOOKING_FLAGS;

export const cat: Command = {
  meta: { name: "cat", description: "Print a file of an artifact, an image or a plugin" },
  args: {
    target: TARGET,
    path: { type: "positional", required: false, valueHint: "PATH", description: "The file in it; links are followed" },
    ...FLAGS,
  },
  examples: [
    ["web-rootfs.img /etc/os-release", "of a disk"],
    ["initrd.img /init | less", "of an initramfs"],
  ],
  run: ({ args }) => printFile(args as unknown as LookingArgs),
};

async function printFile(args: LookingArgs): Promise<number> {
  const [word = "", path = ""] = wordsOf(args, "cat TARGET PATH", { least: 2, most: 2 });
  const [{ inodeAt }, { readDense }] = await Promise.all([
    import("../../inspect/reader.ts"),
    import("../../rootfs/content.ts"),
  ]);
  await withImage(word, args, async (reader, signal) => {
    const node = inodeAt(reader, path, true);
    if (node.type !== "file") throw new FledgeError("rootfs", `${path} is a ${node.type}, not a regular file`);
    for await (const part of readDense(node)) {
      // The buffer is used again for the next part.
      if (!process.stdout.write(Buffer.from(part))) await drained(signal);
      throwIfAborted(signal);
    }
  });
  return 0;
}

/** Until stdout takes more. Throws why it never will: a signal, a reader that has gone, a full disk. */
async function drained(signal: AbortSignal): Promise<void> {
  try {
    await once(process.stdout, "drain", { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
