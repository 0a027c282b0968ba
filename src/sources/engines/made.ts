import type { ImageSource } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Requirement } from "../../lib/requirements.ts";

/** An image whose archive a program of the machine makes, once, when it is first asked for. */
export function madeArchive(requirement: Requirement, make: (ctx: RunContext) => Promise<ImageSource>): ImageSource {
  let made: Promise<ImageSource> | undefined;
  const archive = (ctx: RunContext): Promise<ImageSource> => {
    made ??= make(ctx);
    return made;
  };
  return {
    requirements: () => [requirement],
    pin: async (ctx) => await (await archive(ctx)).pin(ctx),
    async *layers(pin, ctx) {
      yield* (await archive(ctx)).layers(pin, ctx);
    },
    image: async (pin, ctx) => await (await archive(ctx)).image(pin, ctx),
  };
}
