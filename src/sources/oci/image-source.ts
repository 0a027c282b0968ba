import type { ImageSource, Pin } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { fetchLayers } from "./fetch.ts";
import type { ImageContents } from "./resolve.ts";

/**
 * The source of an image. `load` finds it by its pinned digest, or as the config names it when there is none yet. What was
 * loaded is kept for as long as the source, so that pinning and fetching ask the registry once.
 */
export function imageSource(
  reference: string,
  load: (ctx: RunContext, pinned: Digest | undefined) => Promise<ImageContents>,
): ImageSource {
  const loaded = new Map<Digest, ImageContents>();
  const contents = async (ctx: RunContext, pinned: Digest | undefined): Promise<ImageContents> => {
    const known = pinned && loaded.get(pinned);
    if (known !== undefined) return known;
    const image = await load(ctx, pinned);
    if (pinned !== undefined && image.digest !== pinned) throw moved(reference, pinned, image.digest);
    loaded.set(image.digest, image);
    return image;
  };
  return {
    async pin(ctx): Promise<Pin> {
      return { reference, digest: (await contents(ctx, undefined)).digest };
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

function moved(reference: string, pinned: Digest, found: Digest): FledgeError {
  return new FledgeError("source", `${reference} was pinned as ${pinned}, but is ${found} now`, {
    hint: "pin it again to use what is there now",
  });
}
