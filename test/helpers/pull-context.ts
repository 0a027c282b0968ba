import type { Env } from "../../src/lib/context.ts";
import { Disposer } from "../../src/lib/dispose.ts";
import { type TestContext, testContext } from "./context.ts";

/** A context with a cache of its own and no credentials of the machine that the tests run on. */
export function pullContext(env: Env, cacheDir: string): TestContext {
  return testContext({
    cacheDir,
    disposer: new Disposer(),
    env: { PATH: process.env.PATH, HOME: "/nonexistent", ...env },
  });
}
