import type { LockEntry } from "../../contract/lock.ts";
import type { CustomSource, ImageConfig, Pin, Source, SourceContext } from "../../contract/source.ts";
import { untilAborted } from "../../lib/context.ts";
import { digestFrom } from "../../lib/digest.ts";
import { attributeError, FledgeError } from "../../lib/errors.ts";
import { formatPlatform, hostPlatform } from "../../lib/platform.ts";
import { attributeRequirements } from "../../lib/process/requirements.ts";
import type { Layer } from "../../rootfs/layer.ts";

/**
 * A source of the user's: what it throws names it, what it returns is looked at, and an abort does not wait for it. A lock
 * knows it by its name and the platform.
 */
export function customSource(source: CustomSource, platform = formatPlatform(hostPlatform())): Source {
  const key = `source ${source.name} ${platform}`;
  const who = `the source "${source.name}"`;
  const attempt = async <T>(call: () => T | Promise<T>, { signal }: SourceContext): Promise<T> => {
    try {
      return await untilAborted(Promise.resolve().then(call), signal);
    } catch (error) {
      throw attributeError(error, who, "source");
    }
  };
  const { image } = source;
  const askPin = async (ctx: SourceContext): Promise<Pin> => checkedPin(await attempt(() => source.pin(ctx), ctx), who);
  return {
    lockables: async () => ({
      inputs: [
        {
          key,
          names: [source.name],
          resolve: async (ctx) => entryOf(await askPin(ctx), who),
          // What its code keeps, and where, only that knows.
          missing: async () => [],
        },
      ],
    }),
    requirements: () => attributeRequirements(source.requirements?.() ?? [], who),
    pin: async (ctx, locks) => pinOf(locks?.get(key), source.name) ?? (await askPin(ctx)),
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
  const { locator } = pin;
  if (locator !== undefined && typeof locator !== "string") {
    throw malformed(
      who,
      "pin() returned a locator that is not a text",
      "write a URL, or whatever finds the bytes again",
    );
  }
  if (pin.digest === undefined) return { reference: pin.reference };
  const digest = digestFrom(pin.digest);
  if (digest === undefined) {
    throw malformed(who, `"${pin.digest}" is not a digest`, "write sha256: and 64 hex digits, or leave digest out");
  }
  return { ...pin, digest };
}

/** Undefined for a pin without a digest: nothing would notice when it led to something else. */
function entryOf({ reference, digest, locator }: Pin, who: string): LockEntry | undefined {
  if (digest === undefined) return undefined;
  if (locator !== undefined && URL.canParse(locator) && new URL(locator).password !== "") {
    throw malformed(who, "its locator has a password in it", "a lock is for everybody: leave the password out");
  }
  return { digest, reference, ...(locator !== undefined && { locator }) };
}

function pinOf(entry: LockEntry | undefined, name: string): Pin | undefined {
  if (entry === undefined) return undefined;
  const { digest, reference = name, locator } = entry;
  return { reference, digest, ...(locator !== undefined && { locator }) };
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
