import type { RunContext } from "../lib/context.ts";
import { FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";

/** What can be done about a layer of the cache that is not what was unpacked. */
export type Damage = {
  /** Makes sure that the layer is hashed, and so found to be damaged, before it is used again. */
  forget(): Promise<void>;
  /** The same, and unpacks it again to the same place, for the step that needs it: the one that opened it has ended. */
  renew(ctx: RunContext): Promise<void>;
};

// As the brand of FledgeError: a config may have a copy of fledge of its own.
const DAMAGE = Symbol.for("fledge.damage");

/** A `store` error that tells `renewing` what to do. */
export function damageError(message: string, hint: string, damage: Damage, cause?: unknown): FledgeError {
  const error = new FledgeError("store", message, { hint, cause });
  return Object.defineProperty(error, DAMAGE, { value: damage });
}

/** The damage behind an error, however many errors stand before it. */
export function damageOf(error: unknown): Damage | undefined {
  for (let at = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    if (DAMAGE in at) return at[DAMAGE] as Damage;
  }
  return undefined;
}

/**
 * Does something that reads layers of the cache; where one turns out to be damaged, it is fetched again and `run` called
 * once more. Each layer gets one chance.
 */
export async function renewing<T>(ctx: RunContext, run: () => Promise<T>): Promise<T> {
  const renewed = new Set<Damage>();
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined || renewed.has(damage)) throw error;
      renewed.add(damage);
      await damage.renew(ctx).catch((failure: unknown) => {
        throw isFledgeError(failure) && failure.code === "aborted" ? failure : unrenewed(error, failure);
      });
      ctx.warn({ message: `${messageOf(error)}; it was fetched again` });
    }
  }
}

function unrenewed(error: unknown, failure: unknown): FledgeError {
  const hint = isFledgeError(error) ? error.hint : undefined;
  return new FledgeError("store", `${messageOf(error)}; to fetch it again failed: ${messageOf(failure)}`, {
    hint,
    cause: error,
  });
}
