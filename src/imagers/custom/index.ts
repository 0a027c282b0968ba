import { stat } from "node:fs/promises";
import type { ArtifactFacts, CustomImager, ImagerContext } from "../../contract/imager.ts";
import { untilAborted } from "../../lib/context.ts";
import { digestFrom } from "../../lib/digest.ts";
import { attributeError, FledgeError } from "../../lib/errors.ts";
import { attributeRequirements, type Requirement } from "../../lib/process/requirements.ts";

/** What it returns is what it claims to be. */
type CheckedImager = Omit<CustomImager, "write" | "requirements"> & {
  requirements(): readonly Requirement[];
  write(...args: Parameters<CustomImager["write"]>): Promise<ArtifactFacts>;
};

/**
 * An imager of the user's: what it throws names it, what it says of the file is looked at, and an abort does not wait for
 * it.
 */
export function customImager(imager: CustomImager): CheckedImager {
  const who = `the imager "${imager.name}"`;
  const attempt = async <T>(
    call: () => Promise<T>,
    { signal }: ImagerContext,
    code: "image" | "verify",
  ): Promise<T> => {
    try {
      return await untilAborted(Promise.resolve().then(call), signal);
    } catch (error) {
      throw attributeError(error, who, code);
    }
  };
  const { verify } = imager;
  return {
    ...imager,
    requirements: () => attributeRequirements(imager.requirements?.() ?? [], who),
    write: async (tree, out, ctx) =>
      checkedFacts(await attempt(() => imager.write(tree, out, ctx), ctx, "image"), out, who),
    ...(verify !== undefined && {
      verify: (tree, image, ctx) => attempt(() => verify.call(imager, tree, image, ctx), ctx, "verify"),
    }),
  };
}

async function checkedFacts(
  facts: Awaited<ReturnType<CustomImager["write"]>>,
  out: string,
  who: string,
): Promise<ArtifactFacts> {
  const written = await stat(out).catch(() => undefined);
  if (written === undefined) {
    throw new FledgeError("image", `${who} failed: write() left no file at the path that it was given`, {
      hint: "write to `out`, as its second argument says",
    });
  }
  const digest = digestFrom(facts?.digest);
  const { sizeBytes } = facts ?? {};
  if (digest !== undefined && (written.isDirectory() || sizeBytes === written.size)) return { sizeBytes, digest };
  throw new FledgeError("image", `${who} failed: write() did not return the size and digest of what it wrote`, {
    hint: "return what writeHashed(out, chunks, ctx) or artifactFacts(out, ctx) does",
  });
}
