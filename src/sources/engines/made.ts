import type { Locks } from "../../contract/lock.ts";
import type { ImageSource } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Requirement } from "../../lib/process/requirements.ts";

/** An image whose archive a program of the machine makes, once, when it is first asked for. */
export function madeArchive(
  requirement: Requirement,
  make: (ctx: RunContext, locks?: Locks) => Promise<ImageSource>,
): ImageSource {
  let made: Promise<ImageSource> | undefined;
  const archive = (ctx: RunContext, locks?: Locks): Promise<ImageSource> => {
    made ??= make(ctx, locks);
    return made;
  };
  return {
    requirements: () => [requirement],
    pin: async (ctx, locks) => await (await archive(ctx, locks)).pin(ctx),
    async *layers(pin, ctx) {
      yield* (await archive(ctx)).layers(pin, ctx);
    },
    image: async (pin, ctx) => await (await archive(ctx)).image(pin, ctx),
  };
}
