import type { RunContext } from "../../lib/context.ts";
import type { Layer } from "../../rootfs/layer.ts";
import { openLayer, type WantedLayer } from "../../store/layers.ts";

/** One decompressor per core is busy with two or three; more only helps where the network is slow. */
const PARALLEL_LAYERS = 4;

/**
 * The layers in order, several being fetched ahead of the one that is waited for. When one fails, or the caller stops,
 * the others are stopped too. Progress is told in bytes of what has to be fetched.
 */
export async function* fetchLayers(
  wanted: readonly WantedLayer[],
  item: string,
  ctx: RunContext,
): AsyncGenerator<Layer, void, undefined> {
  const stop = new AbortController();
  const signal = AbortSignal.any([ctx.signal, stop.signal]);
  const progress = progressOf(wanted, item, ctx);
  const running: Promise<Layer>[] = [];
  let failure: unknown;
  const start = (index: number): void => {
    const layer = wanted[index];
    if (layer === undefined) return;
    const promise = openLayer(progress.watch(layer), { ...ctx, signal }).then((opened) => {
      progress.done(layer);
      return opened;
    });
    // The first failure ends all of it: the others then fail for having been stopped.
    promise.catch((error: unknown) => {
      failure ??= error;
      stop.abort();
    });
    running.push(promise);
  };
  try {
    for (let i = 0; i < PARALLEL_LAYERS; i++) start(i);
    for (let i = 0; i < wanted.length; i++) {
      const layer = await (running[i] as Promise<Layer>).catch(() => {
        throw failure;
      });
      start(i + PARALLEL_LAYERS);
      yield layer;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

function progressOf(wanted: readonly WantedLayer[], item: string, ctx: RunContext) {
  const total = wanted.reduce((sum, layer) => sum + (layer.blob?.size ?? 0), 0);
  const doneOf = new Map<WantedLayer, number>();
  const tell = (layer: WantedLayer, bytes: number): void => {
    doneOf.set(layer, bytes);
    let done = 0;
    for (const part of doneOf.values()) done += part;
    ctx.progress(done, total === 0 ? undefined : total, item);
  };
  return {
    watch: (layer: WantedLayer): WantedLayer => ({
      ...layer,
      async *open(attempt) {
        let bytes = 0;
        for await (const chunk of layer.open(attempt)) {
          bytes += chunk.length;
          tell(layer, bytes);
          yield chunk;
        }
      },
    }),
    done: (layer: WantedLayer) => tell(layer, layer.blob?.size ?? 0),
  };
}
