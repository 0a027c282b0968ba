import type { Call } from "./user-code.ts";
import { lateUse } from "./user-failure.ts";

/**
 * What a hook or stage is handed, working for as long as it runs. Later use ends the build, or is a warning when the
 * build is over, and throws; `name` is what the user's code calls it.
 */
export function lend<T extends object>(value: T, name: string, call: Call): T {
  return new Proxy(value, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      // What the language itself asks a value for, as `await` does, is no use of it.
      if (typeof key === "symbol" || key === "then" || key === "constructor") return member;
      const path = name === "" ? key : `${name}.${key}`;
      if (typeof member !== "function") {
        assertRunning(call, path);
        return member;
      }
      return (...args: unknown[]) => {
        const shown = typeof args[0] === "string" ? `${path}(${JSON.stringify(args[0])})` : `${path}()`;
        assertRunning(call, shown);
        const result: unknown = member.apply(target, args);
        return isIterator(result) ? lendAll(result, shown, call) : result;
      };
    },
  });
}

function* lendAll(items: Iterable<unknown>, name: string, call: Call): Generator<unknown> {
  for (const item of items) {
    yield item;
    assertRunning(call, name);
  }
}

function isIterator(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value && "next" in value;
}

function assertRunning({ isOver, owner, guard }: Call, what: string): void {
  if (!isOver) return;
  const error = lateUse(what, owner);
  guard.fail(error);
  throw error;
}
