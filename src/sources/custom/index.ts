import type { CustomSource, ImageConfig, Pin, Source, SourceContext } from "../../contract/source.ts";
import { untilAborted } from "../../lib/context.ts";
import { digestFrom } from "../../lib/digest.ts";
import { attributeError, FledgeError } from "../../lib/errors.ts";
import { attributeRequirements } from "../../lib/requirements.ts";
import type { Layer } from "../../rootfs/layer.ts";

/**
 * A source of the user's: what it throws names it, what it returns is looked at, and an abort does not wait for it.
 */
export function customSource(source: CustomSource): Source {
  const who = `the source "${source.name}"`;
  const attempt = async <T>(call: () => T | Promise<T>, { signal }: SourceContext): Promise<T> => {
    try {
      return await untilAborted(Promise.resolve().then(call), signal);
    } catch (error) {
      throw attributeError(error, who, "source");
    }
  };
  const { image } = source;
  return {
    requirements: () => attributeRequirements(source.requirements?.() ?? [], who),
    pin: async (ctx) => checkedPin(await attempt(() => source.pin(ctx), ctx), who),
    async *layers(pin, ctx) {
      const layers = await attempt(() => source.layers(pin, ctx)[Symbol.asyncIterator](), ctx);
      try {
        for (;;) {
          const next = await attempt(() => layers.next(), ctx);
          if (next.done === true) return;
          yield checkedLayer(next.value, who);
        }
      } finally {
        const ended = attempt(() => layers.return?.(), ctx).catch(() => undefined);
        if (!ctx.signal.aborted) await ended;
      }
    },
    ...(image !== undefined && {
      image: async (pin: Pin, ctx: SourceContext) =>
        checkedConfig(await attempt(() => image.call(source, pin, ctx), ctx), who),
    }),
  };
}

function checkedPin(pin: Awaited<ReturnType<CustomSource["pin"]>>, who: string): Pin {
  const isPin = typeof pin?.reference === "string" && pin.reference !== "";
  if (!isPin) throw malformed(who, "pin() did not return a pin", 'return { reference: "what it is, for people" }');
  if (pin.digest === undefined) return { reference: pin.reference };
  const digest = digestFrom(pin.digest);
  if (digest === undefined) {
    throw malformed(who, `"${pin.digest}" is not a digest`, "write sha256: and 64 hex digits, or leave digest out");
  }
  return { ...pin, digest };
}

function checkedLayer(layer: Layer, who: string): Layer {
  if (typeof layer?.label === "string" && typeof layer.entries === "function") return layer;
  throw malformed(who, "layers() yielded what is not a layer", "yield await layerFromTar(tar, ctx)");
}

function checkedConfig(config: ImageConfig, who: string): ImageConfig {
  if (ArrayBuffer.isView(config?.raw) && Array.isArray(config.entrypoint) && Array.isArray(config.cmd)) return config;
  const hint = 'return imageConfig({ architecture: "amd64", config: { Cmd: ["/usr/bin/app"] } })';
  throw malformed(who, "image() did not return an image config", hint);
}

function malformed(who: string, what: string, hint: string): FledgeError {
  return new FledgeError("source", `${who} failed: ${what}`, { hint });
}
