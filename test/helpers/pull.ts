import type { ImageConfig, Pin, Source } from "../../src/contract/source.ts";
import type { Env } from "../../src/lib/context.ts";
import type { TestContext } from "./context.ts";
import { mergeLayers } from "./layers.ts";
import { type Listing, listTree } from "./listing.ts";
import { pullContext as makeContext } from "./pull-context.ts";
import { tempDir } from "./temp.ts";

export type Pulled = {
  readonly pin: Pin;
  readonly config: ImageConfig | undefined;
  readonly listing: Listing;
  readonly ctx: TestContext;
};

/** A context with a cache of its own and no credentials of the machine that the tests run on. */
export function pullContext(env: Env = {}, cacheDir: string = tempDir()): TestContext {
  return makeContext(env, cacheDir);
}

/** Pins a source, fetches its layers and merges them. */
export async function pull(source: Source, ctx: TestContext = pullContext()): Promise<Pulled> {
  const pin = await source.pin(ctx);
  const tree = await mergeLayers(source.layers(pin, ctx));
  const config = await source.image?.(pin, ctx);
  return { pin, config, listing: listTree(tree.root), ctx };
}
