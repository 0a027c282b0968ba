import type { Lockable } from "../../contract/lock.ts";
import type { ImageSource, Pin } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError, isFledgeError } from "../../lib/errors.ts";
import { hasLayer } from "../../store/layers.ts";
import { fetchLayers } from "./fetch.ts";
import type { ImageContents } from "./resolve.ts";

/**
 * The source of an image. `load` finds it by its pinned digest, or as the config names it when there is none yet. What was
 * loaded is kept for as long as the source, so that pinning and fetching ask the registry once. `lock` names it in a lock.
 */
export function imageSource(
  reference: string,
  load: (ctx: RunContext, pinned: Digest | undefined) => Promise<ImageContents>,
  lock?: ImageLock,
): ImageSource {
  const loaded = new Map<Digest, ImageContents>();
  const contents = async (ctx: RunContext, pinned: Digest | undefined): Promise<ImageContents> => {
    const known = pinned && loaded.get(pinned);
    if (known !== undefined) return known;
    const image = await load(ctx, pinned);
    if (pinned !== undefined && image.digest !== pinned && image.index !== pinned) {
      throw moved(reference, pinned, image.digest);
    }
    loaded.set(image.digest, image);
    return image;
  };
  return {
    ...(lock !== undefined && { lockables: async () => ({ inputs: [lockable(reference, lock, contents)] }) }),
    async pin(ctx, locks): Promise<Pin> {
      const entry = lock && locks?.get(lock.key);
      try {
        return { reference, digest: (await contents(ctx, entry?.digest)).digest };
      } catch (error) {
        throw lock === undefined || entry === undefined ? error : gone(lock.key, error);
      }
    },
    async *layers(pin, ctx) {
      const image = await contents(ctx, pin.digest);
      // Here, where all images come through: without whiteouts, what an upper layer deletes would come back.
      const layers = image.layers.map((layer) => ({ ...layer, hasWhiteouts: true }));
      yield* fetchLayers(layers, pin.reference, ctx);
    },
    async image(pin, ctx) {
      return (await contents(ctx, pin.digest)).config;
    },
  };
}

/** What a lock calls an image. */
export type ImageLock = Pick<Lockable, "key" | "names" | "pinned">;

type Contents = (ctx: RunContext, pinned: Digest | undefined) => Promise<ImageContents>;

/**
 * An entry has the digest that the tag leads to, an index's where there is one, as other tools have it; the platform is
 * chosen out of that.
 */
function lockable(reference: string, lock: ImageLock, contents: Contents): Lockable {
  return {
    ...lock,
    async resolve(ctx) {
      const { index, digest } = await contents(ctx, undefined);
      return { digest: index ?? digest };
    },
    async missing({ digest }, ctx) {
      try {
        const { layers } = await contents({ ...ctx, env: { ...ctx.env, FLEDGE_OFFLINE: "1" } }, digest);
        const there = await Promise.all(layers.map((layer) => hasLayer(layer, ctx)));
        return layers.filter((_, i) => !there[i]).map(({ label }) => label);
      } catch (error) {
        if (!isFledgeError(error) || error.code !== "download") throw error;
        return [`the manifest or the config of ${reference} (${digest})`];
      }
    },
  };
}

/** What a lock holds a source to may have been cleaned away where no tag leads to it any more. */
function gone(key: string, error: unknown): unknown {
  if (!isFledgeError(error) || error.code !== "source") return error;
  return new FledgeError("source", `${error.message}; the lock has it as "${key}"`, {
    hint: "fledge update takes what is there now",
    cause: error,
  });
}

function moved(reference: string, pinned: Digest, found: Digest): FledgeError {
  return new FledgeError("source", `${reference} was pinned as ${pinned}, but is ${found} now`, {
    hint: "pin it again to use what is there now",
  });
}
