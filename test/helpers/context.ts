import type { RunContext, Warning } from "../../src/lib/context.ts";
import { Disposer } from "../../src/lib/dispose.ts";

export type TestContext = RunContext & { readonly warnings: Warning[]; readonly logs: string[] };

/** A run context that remembers what it was told. */
export function testContext(overrides: Partial<RunContext> = {}): TestContext {
  const warnings: Warning[] = [];
  const logs: string[] = [];
  return {
    signal: new AbortController().signal,
    env: process.env,
    cacheDir: "/nonexistent/cache",
    disposer: new Disposer(),
    epoch: { stampSec: 0, ceilingSec: undefined },
    progress: () => {},
    warn: (warning) => void warnings.push(warning),
    fact: () => {},
    log: (message) => void logs.push(message),
    ...overrides,
    warnings,
    logs,
  };
}
