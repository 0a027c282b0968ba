import { basename } from "node:path";
import type { RunContext } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { writeFileAtomically } from "../lib/files/atomic.ts";
import type { Outputs } from "../pipeline/outputs.ts";
import { recover, replace, takeTurn } from "../pipeline/replace.ts";
import { checkManifest } from "../volant/check.ts";
import type { Manifest } from "../volant/schema.ts";

/** What was built elsewhere: the artifact beside where it is to be, under another name, and what it was called there. */
export type Arrived = {
  readonly artifact: string;
  readonly name: string;
  /** The manifest's text. */
  readonly manifest?: string | undefined;
};

/**
 * Puts in place what was built elsewhere, as a build here does: artifact and manifest, or neither. The manifest then names
 * the artifact as it is called here. Throws a `manifest` error for one that Volant would not take.
 */
export async function putInPlace(
  outputs: Outputs,
  { artifact, name, manifest }: Arrived,
  ctx: Pick<RunContext, "signal" | "progress" | "log">,
): Promise<Manifest | undefined> {
  const document = manifest === undefined ? undefined : parsedManifest(manifest);
  const local = document === undefined ? undefined : renamedIn(document, name, basename(outputs.artifact));
  const turn = await takeTurn(outputs, ctx);
  try {
    await recover(outputs, turn);
    const replaced = await replace(outputs, artifact, async (path) => {
      if (local === undefined || manifest === undefined) return;
      await writeFileAtomically(path, local === document ? manifest : `${JSON.stringify(local, undefined, 2)}\n`);
    });
    replaced.keep();
    await replaced.discard();
  } finally {
    await turn.release();
  }
  return local;
}

function parsedManifest(text: string): Manifest {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new FledgeError("manifest", "the manifest that was built is not JSON", { cause });
  }
  const { manifest, problems } = checkManifest(data);
  if (manifest !== undefined) return manifest;
  throw new FledgeError("manifest", "the manifest that was built is none that Volant takes", { problems });
}

function renamedIn(document: Manifest, from: string, to: string): Manifest {
  const key = document.rootfs === undefined ? "initramfs" : "rootfs";
  const medium = document[key];
  if (from === to || medium?.url !== from) return document;
  return { ...document, [key]: { ...medium, url: to } };
}
